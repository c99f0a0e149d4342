"""Refusals: each has a name, a status and a sentence in Chinese and English that says what to do."""

from typing import Any, ClassVar


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not an accident
    """请求被拒绝。 · The request was refused."""

    status: ClassVar[int] = 422

    def __init__(self, **facts: Any) -> None:
        """Keep the facts that help the caller: codes, positions, field names; never personal data."""
        super().__init__(type(self).__name__)
        self.facts = facts

    @property
    def code(self) -> str:
        """The class name in kebab case: what programs compare."""
        name = type(self).__name__
        return "".join(f"-{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))

    @property
    def sentences(self) -> tuple[str, str]:
        """Message in (zh, en)."""
        zh, _, en = " ".join((type(self).__doc__ or "").split()).partition(" · ")
        return zh, en


class BadInput(Refusal):
    """请求内容不符合要求,请按所列字段改正后重发。 · The request doesn't fit: mend the fields listed and send it again."""

    status = 422


class TooMany(Refusal):
    """本单位请求过于频繁,请按 Retry-After 稍后重试;报告儿童受侵害不受此限。 · Your body asks too often: come back after Retry-After. Reports of danger are never held up."""  # noqa: E501

    status = 429


class NotJson(Refusal):
    """请求体应为 JSON(application/json)。 · The body must be JSON (application/json)."""

    status = 415


class WrongMethod(Refusal):
    """此地址不支持该方法,请见接口文档。 · This address doesn't take that method: see the API page."""

    status = 405


class TooLarge(Refusal):
    """请求过大,请缩小或分批。 · The request is too large: make it smaller or split it."""

    status = 413


class NotSignedIn(Refusal):
    """未登录或登录已失效,请重新登录并带上 Authorization: Bearer 令牌。 · Not signed in, or the token is forged or expired: sign in again and send Authorization: Bearer."""  # noqa: E501

    status = 401


class PostNotHeld(Refusal):
    """您目前不担任该岗位(或没有任何在任岗位),不能以其名义办理。 · You don't hold this post today, or none at all."""

    status = 403


class PostNotChosen(Refusal):
    """您担任多个岗位,请在 X-Post 头中写明以哪个岗位办理。 · You hold several posts: name one in the header X-Post."""

    status = 400


class PurposeMissing(Refusal):
    """请在 X-Purpose 头中写明查询或办理事由(编码)。 · Say what it is for in the header X-Purpose (a code)."""

    status = 400


class KeyMissing(Refusal):
    """请在 Idempotency-Key 头中给出本次操作的唯一编号,重试时用同一编号。 · Send a unique Idempotency-Key, the same again on a retry."""  # noqa: E501

    status = 400


class KeyReused(Refusal):
    """同一 Idempotency-Key 已用于另一内容,请换新编号。 · This Idempotency-Key was used with another body: take a new one."""

    status = 422


class NotAllowed(Refusal):
    """贵单位或岗位无权办理此事项。 · Your body or post may not do this."""

    status = 403


class NotFound(Refusal):
    """未找到,或贵单位无权知悉。 · Not found, or not for your body to know."""

    status = 404


class StaleVersion(Refusal):
    """该档案刚被他人修改,请重新读取后再办理。 · Someone changed this file meanwhile: read it again, then decide."""

    status = 409


class AlreadyOnFile(Refusal):
    """该儿童已有档案(一人一档),请更新原档案。 · This child has a file already (one child, one file): update that one."""

    status = 409


class PersonErased(Refusal):
    """该人员的信息已依法删除,不能再登记或更正其信息。 · This person's data were erased: no more can be entered."""

    status = 409


class FileSealed(PersonErased):
    """该人员的信息已封存,不能查阅或变更,须经两个岗位同意解封。 · This person's data are sealed: two posts must agree to unseal them first."""  # noqa: E501


class StoreDown(Refusal):
    """数据库暂不可用,本次操作未受理、未登记,请稍后重试。 · The database is away. Nothing was entered: try again soon."""

    status = 503


class ProviderDown(Refusal):
    """身份认证服务暂不可用,本次操作未受理,请稍后重试。 · The sign-in provider is away. Nothing was entered: try again soon."""

    status = 503


class OutcomeUnknown(StoreDown):
    """数据库在登记时中断,结果未确认:请用同一 Idempotency-Key 重试,不会重复登记。 · The database went away while this was entered: retry with the same Idempotency-Key, nothing is entered twice."""  # noqa: E501

    status = 503


class RecordingDown(Refusal):
    """查阅记录无法写入,因此不能显示内容,请稍后重试。 · The look can't be recorded, so nothing is shown: try again soon."""

    status = 503


class NotYet(Refusal):
    """所等的数据尚未到达此处,请稍后重试。 · What was waited for has not come here yet: try again soon."""

    status = 503
