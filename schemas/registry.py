"""Events of the registry: who is on file, in which family, under whose guardianship."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from schemas.event import Event
from schemas.fields import (
    Address,
    BodyId,
    ChildId,
    Classes,
    Code,
    Codes,
    DataClass,
    IdNumber,
    Line30,
    Line60,
    Line80,
    Line200,
    Name,
    Of,
    OpenDay,
    PartialDate,
    PersonId,
    Phone,
    PostId,
    Region,
    TransferId,
)


class Sex(StrEnum):
    """GB/T 2261.1, as the form prints it."""

    MALE = "male"
    FEMALE = "female"


class Health(StrEnum):
    """身体情况."""

    HEALTHY = "healthy"
    DISABLED = "disabled"
    ILL = "ill"


class Schooling(StrEnum):
    """就学情况."""

    KINDERGARTEN = "kindergarten"
    NOT_IN_KINDERGARTEN = "not_in_kindergarten"
    PRIMARY = "primary"
    JUNIOR_SECONDARY = "junior_secondary"
    SENIOR_SECONDARY = "senior_secondary"
    VOCATIONAL = "vocational"
    DROPPED_OUT = "dropped_out"
    NOT_AT_SCHOOL = "not_at_school"


class Quality(StrEnum):
    """监护类型, as the form prints it."""

    UNATTENDED = "unattended"
    PARENT_INCAPABLE = "parent_incapable"
    DELEGATE_SHORT = "delegate_short"
    FAIR = "fair"
    GOOD = "good"


class Parent(StrEnum):
    """Which parent."""

    FATHER = "father"
    MOTHER = "mother"


class RuralProof(StrEnum):
    """How far rural household status is proved: three facts, each recorded (SY 一; REG-02)."""

    VERIFIED = "verified"
    NOT_RURAL = "not_rural"
    UNVERIFIED = "unverified"


class Relative(BaseModel):
    """A person of the family who has no file of their own: rides in the child's `family` block."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Annotated[Line60 | None, Field(description="姓名 · Name")] = None
    birth_date: Annotated[PartialDate | None, Field(description="出生日期 · Date of birth")] = None
    workplace: Annotated[Line200 | None, Field(description="当前务工地点 · Present place of work")] = None
    deceased: Annotated[bool | None, Field(description="已故 · Deceased")] = None
    relation: Annotated[Line30 | None, Field(description="与被监护人关系 · Relation to the child")] = None
    address: Annotated[Line200 | None, Field(description="居住地地址 · Address")] = None


class FamilyIdNumbers(BaseModel):
    """ID numbers of relatives: of the class `idnumber`, so that who may know the family needn't know these."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    father: Annotated[IdNumber | None, Field(description="父亲公民身份证号码 · The father's ID number")] = (
        None
    )
    mother: Annotated[IdNumber | None, Field(description="母亲公民身份证号码 · The mother's ID number")] = (
        None
    )
    paternal_grandfather: Annotated[
        IdNumber | None, Field(description="祖父公民身份证号码 · The paternal grandfather's ID number")
    ] = None
    paternal_grandmother: Annotated[
        IdNumber | None, Field(description="祖母公民身份证号码 · The paternal grandmother's ID number")
    ] = None
    maternal_grandfather: Annotated[
        IdNumber | None, Field(description="外祖父公民身份证号码 · The maternal grandfather's ID number")
    ] = None
    maternal_grandmother: Annotated[
        IdNumber | None, Field(description="外祖母公民身份证号码 · The maternal grandmother's ID number")
    ] = None
    delegate: Annotated[
        IdNumber | None, Field(description="委托监护人公民身份证号码 · The delegated guardian's ID number")
    ] = None


class FamilyPhones(BaseModel):
    """Telephones of relatives: of the class `contact`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    father: Annotated[Phone | None, Field(description="父亲联系电话 · The father's telephone")] = None
    mother: Annotated[Phone | None, Field(description="母亲联系电话 · The mother's telephone")] = None
    paternal_grandfather: Annotated[
        Phone | None, Field(description="祖父联系电话 · The paternal grandfather's telephone")
    ] = None
    paternal_grandmother: Annotated[
        Phone | None, Field(description="祖母联系电话 · The paternal grandmother's telephone")
    ] = None
    maternal_grandfather: Annotated[
        Phone | None, Field(description="外祖父联系电话 · The maternal grandfather's telephone")
    ] = None
    maternal_grandmother: Annotated[
        Phone | None, Field(description="外祖母联系电话 · The maternal grandmother's telephone")
    ] = None
    delegate: Annotated[
        Phone | None, Field(description="委托监护人联系电话 · The delegated guardian's telephone")
    ] = None


_FAMILY = DataClass.FAMILY


class LedgerFacts(BaseModel):
    """What the ledger holds of a child: the fields of the 2016 form. An absent value is unknown, never "no"."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Annotated[Name | None, Field(description="姓名 · Name")] = None
    sex: Annotated[Sex | None, DataClass.NAME, Field(description="性别 · Sex")] = None
    ethnicity: Annotated[Line30 | None, DataClass.NAME, Field(description="民族 · Ethnic group")] = None
    birth_date: Annotated[
        PartialDate | None, DataClass.NAME, Field(description="出生日期 · Date of birth")
    ] = None
    id_number: Annotated[IdNumber | None, Field(description="公民身份号码 · Resident ID number")] = None
    household_registered: Annotated[
        bool | None, DataClass.ADDRESS, Field(description="是否登记户口 · Household registered")
    ] = None
    household_address: Annotated[
        Address | None, Field(description="户籍所在地 · Place of household registration")
    ] = None
    residence: Annotated[Address | None, Field(description="现居住地 · Present residence")] = None
    rural: Annotated[
        RuralProof | None,
        DataClass.ADDRESS,
        Field(description="农村户籍三项事实 · Rural household status, three facts (SY 一)"),
    ] = None
    health: Annotated[Health | None, DataClass.HEALTH, Field(description="身体情况 · Health")] = None
    disability: Annotated[
        Line80 | None, DataClass.HEALTH, Field(description="残疾类别及等级 · Kind and grade of disability")
    ] = None
    illness: Annotated[Line80 | None, DataClass.HEALTH, Field(description="患病类型 · Serious illness")] = (
        None
    )
    schooling: Annotated[Schooling | None, DataClass.SCHOOLING, Field(description="就学情况 · Schooling")] = (
        None
    )
    boards: Annotated[
        bool | None, DataClass.SCHOOLING, Field(description="是否学校寄宿 · Boards at school")
    ] = None
    father: Annotated[Relative | None, _FAMILY, Field(description="父亲 · Father")] = None
    mother: Annotated[Relative | None, _FAMILY, Field(description="母亲 · Mother")] = None
    paternal_grandfather: Annotated[
        Relative | None, _FAMILY, Field(description="祖父 · Paternal grandfather")
    ] = None
    paternal_grandmother: Annotated[
        Relative | None, _FAMILY, Field(description="祖母 · Paternal grandmother")
    ] = None
    maternal_grandfather: Annotated[
        Relative | None, _FAMILY, Field(description="外祖父 · Maternal grandfather")
    ] = None
    maternal_grandmother: Annotated[
        Relative | None, _FAMILY, Field(description="外祖母 · Maternal grandmother")
    ] = None
    family_id_numbers: Annotated[
        FamilyIdNumbers | None,
        DataClass.IDNUMBER,
        Field(description="亲属身份证号码 · ID numbers of relatives"),
    ] = None
    family_phones: Annotated[
        FamilyPhones | None, DataClass.CONTACT, Field(description="亲属联系电话 · Telephones of relatives")
    ] = None
    both_parents_away: Annotated[
        bool | None, _FAMILY, Field(description="父母双方同时外出 · Both parents away for work")
    ] = None
    one_away_other_incapable: Annotated[
        bool | None,
        _FAMILY,
        Field(description="父母一方外出、另一方无监护能力 · One parent away, the other incapable"),
    ] = None
    incapable_parent: Annotated[
        Parent | None, _FAMILY, Field(description="无监护能力 · The incapable parent")
    ] = None
    delegated: Annotated[
        bool | None,
        _FAMILY,
        Field(description="父母外出有无委托其他监护人 · Care delegated to another guardian"),
    ] = None
    delegate: Annotated[
        Relative | None, _FAMILY, Field(description="委托监护人 · Delegated guardian, as the ledger names it")
    ] = None
    quality: Annotated[Quality | None, _FAMILY, Field(description="监护类型 · Quality of guardianship")] = (
        None
    )
    income: Annotated[
        tuple[Line30, ...] | None,
        DataClass.ECONOMIC,
        Field(description="家庭经济来源 · Sources of income"),
    ] = None
    aid: Annotated[
        tuple[Line30, ...] | None, DataClass.ECONOMIC, Field(description="救助帮扶情况 · Aid received")
    ] = None


class ChildRegistered(LedgerFacts, Event):
    """A child is entered in the township's ledger: one child, one file. [REG-05 REG-06 REG-07]"""

    type: ClassVar[str] = "registry.child-registered.v1"
    title: ClassVar[tuple[str, str]] = ("儿童登记建档", "Child registered")
    requirements: ClassVar[tuple[str, ...]] = ("REG-05", "REG-06", "REG-07")

    child: ChildId
    region: Region
    closing_date: Annotated[
        OpenDay | None, Field(description="填报截止日期 · Closing date of the ledger")
    ] = None
    name: Name


class LedgerEntryUpdated(LedgerFacts, Event):
    """Facts of a child's ledger entry changed; only what changed is carried. [REG-07 REG-08]"""

    type: ClassVar[str] = "registry.ledger-entry-updated.v1"
    title: ClassVar[tuple[str, str]] = ("台账信息更新", "Ledger entry updated")
    requirements: ClassVar[tuple[str, ...]] = ("REG-07", "REG-08")

    child: ChildId
    region: Region
    closing_date: Annotated[
        OpenDay | None, Field(description="填报截止日期 · Closing date of the ledger")
    ] = None


class Closing(StrEnum):
    """Why a ledger entry was closed."""

    ENTERED_IN_ERROR = "entered_in_error"


class LedgerEntryClosed(Event):
    """A ledger entry was closed; entered in error, what it said counts no more. The file stays. [REG-04 REG-06]"""

    type: ClassVar[str] = "registry.ledger-entry-closed.v1"
    title: ClassVar[tuple[str, str]] = ("台账注销", "Ledger entry closed")
    requirements: ClassVar[tuple[str, ...]] = ("REG-04", "REG-06")

    child: ChildId
    region: Region
    reason: Annotated[Closing, DataClass.OPEN, Field(description="注销原因 · Why it was closed")]


class LedgerEntryReopened(Event):
    """A closed ledger entry is in use again: the same file, never a second one. [REG-04 REG-06]"""

    type: ClassVar[str] = "registry.ledger-entry-reopened.v1"
    title: ClassVar[tuple[str, str]] = ("台账恢复", "Ledger entry reopened")
    requirements: ClassVar[tuple[str, ...]] = ("REG-04", "REG-06")

    child: ChildId
    region: Region


class Finding(BaseModel):
    """One condition of a rule, and whether it holds: true, false, or unknown (absent)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    condition: Annotated[str, Field(description="条件代码 · Code of the condition")]
    holds: Annotated[bool | None, Field(description="是否成立,空为未知 · Holds; absent is unknown")] = None
    clause: Annotated[str, Field(description="条款 · Clause")]


class ChildCategoryAssigned(Event):
    """The pack's decision which categories a child has, and why; none can hold too. [REG-01 REG-02 REG-05]"""

    type: ClassVar[str] = "registry.child-category-assigned.v1"
    title: ClassVar[tuple[str, str]] = ("儿童类别认定", "Child's categories decided")
    requirements: ClassVar[tuple[str, ...]] = ("REG-01", "REG-02", "REG-05")

    child: ChildId
    region: Region
    categories: Annotated[
        tuple[str, ...],
        _FAMILY,
        Field(description="认定的类别 · Categories that hold", examples=[["LEFT_BEHIND"]]),
    ]
    undetermined: Annotated[
        tuple[str, ...], _FAMILY, Field(description="事实不足、待定的类别 · Categories that await facts")
    ]
    findings: Annotated[
        tuple[Finding, ...], _FAMILY, Field(description="逐项理由 · Each condition, and whether it holds")
    ]


class GuardianshipDelegated(Event):
    """Parents entrusted care to a delegated guardian, on signed instruments. [GRD-03 GRD-12 GRD-20]"""

    type: ClassVar[str] = "registry.guardianship-delegated.v1"
    title: ClassVar[tuple[str, str]] = ("委托监护成立", "Guardianship delegated")
    requirements: ClassVar[tuple[str, ...]] = ("GRD-03", "GRD-12", "GRD-20")

    child: ChildId
    region: Region
    guardian: PersonId
    starts: Annotated[OpenDay, Field(description="委托起始日期 · First day of the delegation")]
    instruments: Annotated[Codes, Field(description="已签署的文书 · Instruments signed")]
    name: Annotated[Name, Of("guardian")]
    id_number: Annotated[
        IdNumber | None, Of("guardian"), Field(description="公民身份号码 · Resident ID number")
    ] = None
    phone: Annotated[Phone | None, Of("guardian"), Field(description="联系电话 · Telephone")] = None
    address: Annotated[
        Address | None, Of("guardian"), Field(description="居住地地址 · Address of the guardian")
    ] = None
    relation: Annotated[Line30, _FAMILY, Field(description="与被监护人关系 · Relation to the child")]
    capable: Annotated[bool, _FAMILY, Field(description="具备监护能力 · Found capable")]
    willing: Annotated[bool, _FAMILY, Field(description="具有监护意愿 · Found willing")]


class Basis(StrEnum):
    """On what a guardian holds the role (GRD-17)."""

    PARENT = "parent"
    DELEGATION = "delegation"
    COURT = "court"


class GuardianChanged(Event):
    """Who cares for the child changed. The history of guardians is kept in full. [GRD-03 GRD-17 REG-23]"""

    type: ClassVar[str] = "registry.guardian-changed.v1"
    title: ClassVar[tuple[str, str]] = ("监护人变更", "Guardian changed")
    requirements: ClassVar[tuple[str, ...]] = ("GRD-03", "GRD-17", "REG-23", "REG-25")

    child: ChildId
    region: Region
    guardian: PersonId
    basis: Annotated[Basis, DataClass.OPEN, Field(description="依据 · Basis")]
    starts: Annotated[OpenDay, Field(description="起始日期 · From")]
    name: Annotated[Name, Of("guardian")]
    previous: Annotated[PersonId | None, Field(description="原监护人编号 · The guardian before")] = None


class ChildIdentified(Event):
    """A child named in a report is one that is on file. An alias, resolved when read; no stream moves. [REG-06]"""

    type: ClassVar[str] = "registry.child-identified.v1"
    title: ClassVar[tuple[str, str]] = ("儿童身份核实", "Child identified")
    requirements: ClassVar[tuple[str, ...]] = ("REG-06",)

    child: ChildId
    file: Annotated[ChildId, Field(description="台账中的儿童编号 · The child on file")]
    region: Region
    basis: Annotated[Codes, Field(description="核实依据 · What the identification rests on")]


class AliasRecorded(Event):
    """The other end of an identification, on the file: which reported ids it stands for. [REG-06 REG-33]"""

    type: ClassVar[str] = "registry.alias-recorded.v1"
    title: ClassVar[tuple[str, str]] = ("档案关联报告中的儿童", "Alias recorded on a file")
    requirements: ClassVar[tuple[str, ...]] = ("REG-06", "REG-33")

    child: ChildId
    alias: Annotated[ChildId, Field(description="报告中的儿童编号 · The child as reported")]
    region: Region


class ChildTransferProposed(Event):
    """The township that keeps the file asks another to take it over. [REG-33]"""

    type: ClassVar[str] = "registry.child-transfer-proposed.v1"
    title: ClassVar[tuple[str, str]] = ("提出档案移交", "Transfer of a file proposed")
    requirements: ClassVar[tuple[str, ...]] = ("REG-33",)
    parties: ClassVar[tuple[str, ...]] = ("receiver",)

    child: ChildId
    transfer: TransferId
    region: Region
    new_region: Annotated[Region, Field(description="迁入区划 · Region that the child moves to")]
    sender: Annotated[BodyId, Field(description="移交单位 · The body that hands over")]
    receiver: Annotated[BodyId, Field(description="接收单位 · The body that is to take over")]
    name: Name


class ChildRecordTransferred(Event):
    """The receiver accepted: responsibility for the child passed, its one file goes on. [REG-33]"""

    type: ClassVar[str] = "registry.child-record-transferred.v1"
    title: ClassVar[tuple[str, str]] = ("档案移交完成", "Child's record transferred")
    requirements: ClassVar[tuple[str, ...]] = ("REG-33",)
    parties: ClassVar[tuple[str, ...]] = ("sender",)

    child: ChildId
    transfer: TransferId
    region: Region
    previous_region: Annotated[Region, Field(description="迁出区划 · Region that it left")]
    sender: Annotated[BodyId, Field(description="移交单位 · The body that handed over")]
    receiver: Annotated[BodyId, Field(description="接收单位 · The body that took over")]


class SchoolFileOpened(Event):
    """A school keeps a file of its pupil from now on. [REG-23 REG-24]"""

    type: ClassVar[str] = "registry.school-file-opened.v1"
    title: ClassVar[tuple[str, str]] = ("建立在校档案", "School file opened")
    requirements: ClassVar[tuple[str, ...]] = ("REG-23", "REG-24")

    child: ChildId
    region: Region
    school: Annotated[BodyId, Field(description="就读学校、幼儿园 · The school or kindergarten")]
    starts: Annotated[OpenDay, Field(description="入学日期 · First day there")]


class Leaving(StrEnum):
    """How a child left a school."""

    MOVED_ON = "moved_on"
    """To another school."""
    FINISHED = "finished"
    DROPPED_OUT = "dropped_out"
    ENTERED_IN_ERROR = "entered_in_error"


class SchoolFileClosed(Event):
    """A child left a school, which is told of it no more. [REG-23]"""

    type: ClassVar[str] = "registry.school-file-closed.v1"
    title: ClassVar[tuple[str, str]] = ("结束在校档案", "School file closed")
    requirements: ClassVar[tuple[str, ...]] = ("REG-23",)

    child: ChildId
    region: Region
    school: Annotated[BodyId, Field(description="学校、幼儿园 · The school or kindergarten")]
    ends: Annotated[OpenDay, Field(description="离校日期 · Last day there")]
    leaving: Annotated[Leaving, DataClass.OPEN, Field(description="离校情形 · How the child left")]


class _OfPerson(Event):
    """What happened to a person's data in one file."""

    child: ChildId
    person: Annotated[PersonId, Field(description="所涉人员编号 · Whose data it is about")]
    region: Region
    basis: Annotated[Code, Field(description="依据(编码) · Basis, a code")]


class SubjectErased(_OfPerson):
    """A person's data, or some classes of them, were erased by destroying keys; that they were there stays. [PRV-04]"""

    type: ClassVar[str] = "registry.subject-erased.v1"
    title: ClassVar[tuple[str, str]] = ("个人信息删除", "Subject erased")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-04",)

    classes: Annotated[
        Classes | None, Field(description="仅删除的类别,缺省为全部 · Erased classes; all if absent")
    ] = None


class ErasureHeld(_OfPerson):
    """A person's data may not be erased while this stands. [PRV-04]"""

    type: ClassVar[str] = "registry.erasure-held.v1"
    title: ClassVar[tuple[str, str]] = ("暂停删除", "Erasure held")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-04",)


class ErasureHoldEnded(_OfPerson):
    """A person's data may be erased again. [PRV-04]"""

    type: ClassVar[str] = "registry.erasure-hold-ended.v1"
    title: ClassVar[tuple[str, str]] = ("解除暂停删除", "Erasure hold ended")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-04",)


class SubjectSealed(_OfPerson):
    """Nobody reads a person's data any more, until two posts unseal them. [PRV-07]"""

    type: ClassVar[str] = "registry.subject-sealed.v1"
    title: ClassVar[tuple[str, str]] = ("信息封存", "Subject sealed")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-07",)


class UnsealingApproved(_OfPerson):
    """A post agreed that a person's data be unsealed; another's agreement is awaited. [PRV-07]"""

    type: ClassVar[str] = "registry.unsealing-approved.v1"
    title: ClassVar[tuple[str, str]] = ("同意解除封存", "Unsealing approved")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-07",)

    post: Annotated[PostId, Field(description="同意的岗位 · The post that agreed")]
    approver: Annotated[
        PersonId, Field(description="同意的人员 · Who holds that post: the second has to be another")
    ]


class SubjectUnsealed(_OfPerson):
    """A second post agreed: a person's data are read again as before. [PRV-07]"""

    type: ClassVar[str] = "registry.subject-unsealed.v1"
    title: ClassVar[tuple[str, str]] = ("解除封存", "Subject unsealed")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-07",)
