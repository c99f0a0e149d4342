"""The ceiling of a command over HTTP: plain FastAPI and one row by asyncpg, durable, as our services are served.

`python -m bench.plain URL PORT`.
"""

import sys
from typing import Any
from uuid import uuid4

import asyncpg
import uvicorn
import uvloop
from fastapi import FastAPI
from pydantic import BaseModel

SCHEMA = "create table child (id uuid primary key, region text not null, name text not null)"


class New(BaseModel):
    """What is written."""

    region: str
    name: str


async def serve(url: str, port: int) -> None:
    """Serve until told to stop."""
    pool = await asyncpg.create_pool(url, min_size=10, max_size=10)
    app = FastAPI()

    @app.post("/children")
    async def write(new: New) -> dict[str, Any]:
        child = uuid4()
        await pool.execute("insert into child values ($1, $2, $3)", child, new.region, new.name)
        return {"child": child}

    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False)
    await uvicorn.Server(config).serve()
    await pool.close()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
