"""The same as end.ts with the official Python SDK: `worker` is its run_worker, `client` its codec and nats-py."""
import asyncio
import json
import os
import sys
import time
import logging

import nats
from cap import worker
from cap.packet_boundary import decode_packet, finalize_packet
from cap.pb.cordum.agent.v1 import buspacket_pb2, job_pb2
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from google.protobuf import timestamp_pb2

role, url, subject, keys_text = sys.argv[1:5]
given = json.loads(keys_text)
public = {s: load_pem_public_key(p.encode()) for s, p in given["public"].items()} if given else None
private = load_pem_private_key(given["private"].encode(), None) if given else None


def tell(answer):
    print(json.dumps(answer), flush=True)


def cpu():
    times = os.times()
    return times.user + times.system


async def commands():
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield json.loads(line)


async def handle(request):
    return job_pb2.JobResult(job_id=request.job_id, status=job_pb2.JOB_STATUS_SUCCEEDED,
                             result_ptr="redis://res:" + request.job_id, worker_id="worker-1")


async def serve():
    task = asyncio.create_task(worker.run_worker(url, subject, handle, public_keys=public, private_key=private,
                                                 sender_id="worker-1"))
    await asyncio.sleep(0.5)
    tell({"ready": True})
    async for _ in commands():
        tell({"cpu": cpu()})
    task.cancel()


async def run(connection, in_flight, seconds):
    logger = logging.getLogger("bench")
    state = {"done": 0, "sent": 0, "stopped": False}
    ended = asyncio.Event()
    prefix = f"{os.getpid()}-{time.time_ns()}"

    async def send():
        job_id = f"job-{prefix}-{state['sent']}"
        state["sent"] += 1
        packet = buspacket_pb2.BusPacket(trace_id="0123456789abcdef0123456789abcdef", sender_id="client-1",
                                         protocol_version=1)
        stamp = timestamp_pb2.Timestamp()
        stamp.GetCurrentTime()
        packet.created_at.CopyFrom(stamp)
        request = job_pb2.JobRequest(job_id=job_id, topic=subject, context_ptr="redis://ctx:" + job_id)
        request.labels["env"] = "prod"
        request.labels["region"] = "eu"
        packet.job_request.CopyFrom(request)
        outgoing = finalize_packet(packet, private)
        await connection.publish(subject, outgoing.SerializeToString(deterministic=True))

    async def on_result(message):
        packet = decode_packet(message.data, public, logger)
        if packet is None:
            return
        state["done"] += 1
        if not state["stopped"]:
            await send()
        elif state["done"] >= state["sent"]:
            ended.set()

    subscription = await connection.subscribe("sys.job.result", cb=on_result)
    for _ in range(in_flight):
        await send()
    await asyncio.sleep(seconds)
    state["stopped"] = True
    counted = state["done"]
    await ended.wait()
    await subscription.unsubscribe()
    return counted


async def submit():
    connection = await nats.connect(url)
    tell({"ready": True})
    async for command in commands():
        before = cpu()
        jobs = await run(connection, command["inFlight"], command["ms"] / 1000)
        tell({"jobs": jobs, "seconds": command["ms"] / 1000, "cpu": cpu() - before})
    await connection.close()


asyncio.run(serve() if role == "worker" else submit())
