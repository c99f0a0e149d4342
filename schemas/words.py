"""What kinds of body, roles, data classes and scopes are called by people: (Chinese, English)."""

from schemas.fields import DataClass
from schemas.notification import Role
from schemas.reference import BodyKind

Words = tuple[str, str]

KINDS: dict[BodyKind, Words] = {
    BodyKind.COUNTY_GOVERNMENT: ("县级政府", "county government"),
    BodyKind.TOWNSHIP: ("乡镇政府(街道)", "township government"),
    BodyKind.VILLAGE: ("村(居)民委员会", "village committee"),
    BodyKind.CIVIL_AFFAIRS: ("民政部门", "civil affairs"),
    BodyKind.EDUCATION: ("教育部门", "education bureau"),
    BodyKind.POLICE: ("县公安局", "county police"),
    BodyKind.POLICE_STATION: ("派出所", "police station"),
    BodyKind.SCHOOL: ("学校、幼儿园", "school or kindergarten"),
    BodyKind.WELFARE_INSTITUTION: ("儿童福利、救助保护机构", "welfare or protection institution"),
    BodyKind.AUDITOR: ("检察、审计机关", "procuratorate or auditor"),
}
ROLES: dict[Role, Words] = {
    Role.LEDGER: (
        "台账主管:保管该儿童档案的乡镇",
        "keeper of the ledger: the township that has the child's file",
    ),
    Role.VILLAGE: ("所在村", "the village that the child lives in"),
    Role.SUPERVISOR: ("上级民政", "civil affairs above"),
    Role.AREA_POLICE: ("辖区派出所", "the police station of the area"),
    Role.CASE_POLICE: ("办案公安", "the police who work the case"),
    Role.RESPONDER: ("收到公安通报的乡镇", "the township that was sent the police notice"),
    Role.CARER: ("临时照料机构", "the institution that cares for the child"),
    Role.SCHOOL: ("就读学校、幼儿园", "the school or kindergarten that the child attends"),
    Role.ASSESSOR: ("评估成员单位", "a body that takes part in the assessment"),
    Role.EMERGENCY: ("紧急查阅", "a body with emergency access"),
    Role.AUTHOR: ("该事项的办理单位", "the body whose own act it is"),
    Role.PARTY: ("事项所指名的单位", "a body that the event names"),
    Role.CORRECTED: (
        "曾被告知错误信息、现已无权知悉的单位",
        "a body that was told what was wrong and may not know what is right",
    ),
}
CLASSES: dict[DataClass, Words] = {
    DataClass.OPEN: ("公开字段", "open fields"),
    DataClass.NAME: ("姓名", "name"),
    DataClass.IDNUMBER: ("身份号码", "ID number"),
    DataClass.ADDRESS: ("住址", "address"),
    DataClass.CONTACT: ("联系方式", "contact"),
    DataClass.FAMILY: ("家庭与监护", "family and guardianship"),
    DataClass.SCHOOLING: ("就学", "schooling"),
    DataClass.HEALTH: ("健康", "health"),
    DataClass.ECONOMIC: ("经济", "economic"),
    DataClass.CASE: ("案情", "case"),
    DataClass.REPORTER: ("报告人", "reporter"),
    DataClass.WORKER: ("工作人员", "worker"),
}
OPERATIONS: dict[str, Words] = {
    "page": ("儿童档案页", "the child's page"),
    "worklist": ("待办事项", "the worklist"),
    "ledger": ("台账", "the ledger"),
    "search": ("查找", "a search"),
    "candidates": ("登记前查重", "who on file may be the child"),
    "export": ("导出台账", "an export of the ledger"),
    "known": ("某单位知道什么", "what a body knew"),
    "access": ("谁看得到什么", "who sees what"),
}
"""What is looked at."""
SCOPES: dict[str, Words] = {
    "own_region": ("本辖区内", "in its own region"),
    "addressee": ("该事项的收件单位", "where the matter was sent to it"),
    "above": ("承办单位的上一级", "above the body that owes it"),
    "anyone": ("不限辖区", "anywhere"),
}
