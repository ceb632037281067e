"""An Agent of the official Python SDK with the handlers of cap-agent.test.ts, until it is ended."""
import asyncio
import json
import sys

from cap.runtime import Agent
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from pydantic import BaseModel

job = json.loads(sys.argv[1])
keys = None
if job.get("public") is not None:
    keys = {s: load_pem_public_key(p.encode()) for s, p in job["public"].items()}
private = load_pem_private_key(job["private"].encode(), None) if job.get("private") else None
agent = Agent(
    nats_url=job["nats"],
    redis_url=job["redis"],
    public_keys=keys,
    private_key=private,
    worker_id=job["worker"],
    pool=job["pool"],
    max_parallel=8,
    heartbeat_interval=0.2,
    max_context_bytes=2000,
    max_result_bytes=1000,
)
topic = "job." + job["prefix"] + "."
tries = {}


class Prompt(BaseModel):
    prompt: str


class Summary(BaseModel):
    summary: str


@agent.job(topic + "echo")
async def echo(ctx, data):
    return data


@agent.job(topic + "summarize", input_model=Prompt, output_model=Summary)
async def summarize(ctx, data):
    return Summary(summary=data.prompt[:140])


@agent.job(topic + "fail", retries=1)
async def fail(ctx, data):
    raise RuntimeError("secret detail")


@agent.job(topic + "retry", retries=2)
async def retry(ctx, data):
    tries[ctx.job_id] = tries.get(ctx.job_id, 0) + 1
    if tries[ctx.job_id] < 3:
        raise RuntimeError("not yet")
    return tries[ctx.job_id]


@agent.job(topic + "nothing")
async def nothing(ctx, data):
    return None


@agent.job(topic + "misfit", output_model=Summary)
async def misfit(ctx, data):
    return {"summary": 7}


@agent.job(topic + "big")
async def big(ctx, data):
    return "x" * 1000


@agent.job(topic + "unwritable")
async def unwritable(ctx, data):
    return 1j


async def main():
    await agent.start()
    await agent._nc.flush()
    print("peer ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
