"""An Agent of the official Python SDK under worker trust: says how its start went and when its session changes."""
import asyncio
import json
import sys
from datetime import timedelta

from cap.production_replay import InMemoryReplayStore
from cap.production_signing import ProductionTrust
from cap.runtime import Agent, InMemoryBlobStore
from cap.worker_trust import WorkerTrustConfig
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

job = json.loads(sys.argv[1])
trust = job["trust"]
keys = {k: load_pem_public_key(p.encode()) for k, p in trust["schedulerPublicKeys"].items()}
proof = load_pem_private_key(trust["proofPrivateKey"].encode(), None)
store = InMemoryBlobStore()
production = {}
if job.get("production"):
    production = {
        "production_trust": ProductionTrust(
            audience="any",
            public_keys=keys,
            tenant=trust["tenantId"],
            sender=trust["expectedSchedulerId"],
            clock_skew=timedelta(seconds=5),
        ),
        "replay_store": InMemoryReplayStore(),
    }
agent = Agent(
    nats_url=job["nats"],
    store=store,
    private_key=proof,
    worker_id=job["worker"],
    pool="pool",
    max_parallel=8,
    heartbeat_interval=0.1,
    worker_trust_mode=trust["mode"],
    worker_trust=WorkerTrustConfig(
        worker_id=job["worker"],
        expected_agent_id=trust["expectedAgentId"],
        tenant_id=trust["tenantId"],
        audience="cordum-scheduler",
        proof_key_id=trust["proofKeyId"],
        proof_private_key=proof,
        expected_scheduler_id=trust["expectedSchedulerId"],
        scheduler_public_keys=keys,
        sdk_version="peer/1",
    ),
    worker_trust_timeout=trust["timeoutMs"] / 1000,
    worker_trust_retries=trust["retries"],
    worker_trust_renew_min_interval=trust["renewMinIntervalMs"] / 1000,
    **production,
)


@agent.job(job["topic"])
async def echo(ctx, data):
    return data


def say(**what):
    print("peer " + json.dumps(what), flush=True)


async def main():
    await store.set("ctx:1", b'{"n": 1}')
    try:
        await agent.start()
    except Exception as error:
        cause = error.__cause__ or error
        say(start=type(cause).__name__)
        return
    await agent._nc.flush()
    say(start="ok")
    before = None
    while True:
        token = agent.session_token
        if token != before:
            say(session=token != "", tokens=token)
            before = token
        await asyncio.sleep(0.02)


asyncio.run(main())
