"""Runs one end of CAP with the official Python SDK: `worker` until it is ended, or `client` for some jobs."""
import asyncio
import json
import sys

import nats
from cap import client, worker
from cap.packet_boundary import decode_packet
from cap.pb.cordum.agent.v1 import job_pb2
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
import logging

job = json.loads(sys.argv[1])
keys = None
if job.get("public") is not None:
    keys = {s: load_pem_public_key(p.encode()) for s, p in job["public"].items()}
private = load_pem_private_key(job["private"].encode(), None) if job.get("private") else None


async def handle(request):
    if request.context_ptr == "raise":
        raise RuntimeError("no")
    if request.context_ptr == "none":
        return None
    return job_pb2.JobResult(
        job_id=request.job_id,
        status=job_pb2.JOB_STATUS_SUCCEEDED,
        result_ptr="redis://res:" + request.job_id,
        worker_id=job["sender"],
    )


async def run_worker():
    async def connect(**options):
        connection = await nats.connect(**options)
        subscribe = connection.subscribe

        async def and_tell(*args, **kwargs):
            subscription = await subscribe(*args, **kwargs)
            await connection.flush()
            print("peer ready", flush=True)
            return subscription

        connection.subscribe = and_tell
        return connection

    await worker.run_worker(job["url"], job["subject"], handle, public_keys=keys, private_key=private,
                            sender_id=job["sender"], connect_fn=connect)


async def run_client():
    connection = await nats.connect(job["url"])
    logger = logging.getLogger("peer")
    wanted = {f"job-{i}" for i in range(job["jobs"])}
    done = asyncio.Event()
    results = []

    async def on_result(message):
        packet = decode_packet(message.data, keys, logger)
        if packet is None:
            return
        result = packet.job_result
        results.append([result.job_id, result.status, result.worker_id, packet.trace_id])
        wanted.discard(result.job_id)
        if not wanted:
            done.set()

    await connection.subscribe("sys.job.result", cb=on_result)
    await connection.flush()
    for i in range(job["jobs"]):
        request = job_pb2.JobRequest(job_id=f"job-{i}", topic=job["subject"], context_ptr=f"redis://ctx/job-{i}")
        for key, value in job.get("labels", {}).items():
            request.labels[key] = value
        await client.submit_job(connection, request, f"trace-{i}", job["sender"], private)
    await asyncio.wait_for(done.wait(), 20)
    await connection.drain()
    print(json.dumps(results), flush=True)


asyncio.run(run_worker() if job["role"] == "worker" else run_client())
