"""Events that every service copies: bodies, posts, regions and adopted policy packs (topic `reference`)."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from schemas.event import Event
from schemas.fields import BodyId, Code, DataClass, Id, OpenDay, PersonId, PostId, Region, Title


class BodyKind(StrEnum):
    """Kinds of bodies of requirements §1; a body is named differently by region, its kind is not."""

    COUNTY_GOVERNMENT = "county_government"
    TOWNSHIP = "township"
    VILLAGE = "village"
    CIVIL_AFFAIRS = "civil_affairs"
    EDUCATION = "education"
    POLICE = "police"
    POLICE_STATION = "police_station"
    SCHOOL = "school"
    WELFARE_INSTITUTION = "welfare_institution"
    AUDITOR = "auditor"


class RegionLevel(StrEnum):
    """Levels of a region code."""

    COUNTY = "county"
    TOWNSHIP = "township"
    VILLAGE = "village"


class RegionRegistered(Event):
    """A region is on record, from a date. [PLT-06]"""

    type: ClassVar[str] = "reference.region-registered.v1"
    subject: ClassVar[str] = "region"
    title: ClassVar[tuple[str, str]] = ("区划登记", "Region registered")
    requirements: ClassVar[tuple[str, ...]] = ("PLT-06",)

    region: Region
    name: Annotated[Title, Field(description="区划名称 · Name of the region")]
    level: Annotated[RegionLevel, DataClass.OPEN, Field(description="层级 · Level")]
    superior: Annotated[Region | None, Field(description="上级区划代码 · Code of the region above")] = None
    valid_from: Annotated[OpenDay, Field(description="生效日期 · In force from")]


class BodyRegistered(Event):
    """A body that takes part is on record, with the region that it answers for. [PLT-06]"""

    type: ClassVar[str] = "reference.body-registered.v1"
    subject: ClassVar[str] = "body"
    title: ClassVar[tuple[str, str]] = ("单位登记", "Body registered")
    requirements: ClassVar[tuple[str, ...]] = ("PLT-06",)

    body: BodyId
    kind: Annotated[BodyKind, DataClass.OPEN, Field(description="单位类别 · Kind of body")]
    name: Annotated[Title, Field(description="单位名称 · Name of the body")]
    english: Annotated[Title, Field(description="英文名称 · Name in English")]
    region: Region
    superior: Annotated[BodyId | None, Field(description="上级单位 · The body above")] = None


class PostAssigned(Event):
    """A person holds a post in a body; rights belong to the post. [PLT-06]"""

    type: ClassVar[str] = "reference.post-assigned.v1"
    subject: ClassVar[str] = "post"
    title: ClassVar[tuple[str, str]] = ("岗位任职", "Post assigned")
    requirements: ClassVar[tuple[str, ...]] = ("PLT-06",)

    post: PostId
    body: BodyId
    person: PersonId
    duty: Annotated[Title, Field(description="岗位名称 · What the post is")]
    valid_from: Annotated[OpenDay, Field(description="任职起 · Held from")]
    valid_to: Annotated[OpenDay | None, Field(description="任职止 · Held to")] = None
    deputy_of: Annotated[
        PostId | None, Field(description="代理的岗位 · The post for which a deputy stands in")
    ] = None


class PostEnded(Event):
    """A person has left a post: whatever token they show, they act from it no more. [PLT-06]"""

    type: ClassVar[str] = "reference.post-ended.v1"
    subject: ClassVar[str] = "post"
    title: ClassVar[tuple[str, str]] = ("岗位卸任", "Post ended")
    requirements: ClassVar[tuple[str, ...]] = ("PLT-06",)

    post: PostId
    body: BodyId


TableText = Annotated[
    str,
    DataClass.OPEN,
    Field(min_length=1, max_length=65_536, description="规则表全文(YAML) · The table's text, YAML"),
]
TableHash = Annotated[
    str,
    DataClass.OPEN,
    Field(pattern=r"^sha256:[0-9a-f]{64}$", description="规则表摘要 · SHA-256 of the table's text"),
]


class DisclosureTableProposed(Event):
    """A post proposes another table of disclosure; it holds once another person, from another post, adopts it. [PRV-03]"""

    type: ClassVar[str] = "reference.disclosure-table-proposed.v1"
    subject: ClassVar[str] = "table"
    title: ClassVar[tuple[str, str]] = ("告知规则表提请", "Disclosure table proposed")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-03",)

    table: Annotated[Id, DataClass.OPEN, Field(description="规则表编号(由摘要得出) · Id, from the hash")]
    content_hash: TableHash
    content: TableText
    post: PostId
    person: PersonId


class DisclosureTableAdopted(Event):
    """Two persons have signed another table of disclosure: who is told what follows it from here on. [PRV-03]"""

    type: ClassVar[str] = "reference.disclosure-table-adopted.v1"
    subject: ClassVar[str] = "table"
    title: ClassVar[tuple[str, str]] = ("告知规则表采用", "Disclosure table adopted")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-03",)

    table: Annotated[Id, DataClass.OPEN, Field(description="规则表编号(由摘要得出) · Id, from the hash")]
    content_hash: TableHash
    content: TableText
    signed_by: Annotated[
        tuple[PostId, ...],
        DataClass.OPEN,
        Field(min_length=2, max_length=2, description="两名签署人的岗位 · Posts of the two who sign"),
    ]


class PolicyPackAdopted(Event):
    """A region adopts a policy pack, identified by its content; two persons sign. [PLT-01]"""

    type: ClassVar[str] = "reference.policy-pack-adopted.v1"
    subject: ClassVar[str] = "region"
    title: ClassVar[tuple[str, str]] = ("政策包采用", "Policy pack adopted")
    requirements: ClassVar[tuple[str, ...]] = ("PLT-01",)

    region: Region
    pack: Annotated[Code, Field(description="政策包代号 · Name of the pack")]
    content_hash: Annotated[Code, Field(description="内容摘要 sha256 · SHA-256 of its content")]
    effective_from: Annotated[OpenDay, Field(description="施行日期 · In force from")]
    signed_by: Annotated[
        tuple[PostId, ...],
        DataClass.OPEN,
        Field(min_length=2, description="两名签署人的岗位 · Posts of the two who sign"),
    ]
