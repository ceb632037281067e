/** Our packets, judged by the official SDK; its packets, judged by ours. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { JobRequest } from "../../gen/cap/index.js";
import { JobRequestSchema } from "../../gen/cap/index.js";
import {
  createPacket,
  KeyRing,
  nobleCrypto,
  openPacket,
  sealPacket,
  toSigningKey,
} from "../../src/cap/index.js";
import { messageOf } from "../cap/arbitrary.ts";
import { fromBase64, keyFile, toBase64 } from "../cap/vectors.ts";
import { capPython, describeWithPeers } from "./ladder.ts";

const JUDGE = `
import base64, json, logging, sys
import cap.pb
from cap.packet_boundary import decode_packet, finalize_packet
from cap.pb.cordum.agent.v1 import buspacket_pb2
from cryptography.hazmat.primitives.serialization import load_pem_public_key, load_pem_private_key
logging.disable(logging.CRITICAL)
job = json.load(open(sys.argv[1]))
keys = {s: load_pem_public_key(p.encode()) for s, p in job["public"].items()}
private = load_pem_private_key(job["private"].encode(), None)
verdicts, signed = [], []
for text in job["packets"]:
    packet = decode_packet(base64.b64decode(text), keys, logging.getLogger("x"))
    verdicts.append(packet is not None)
    if packet is not None:
        packet.sender_id = "worker-1"
        signed.append(base64.b64encode(finalize_packet(packet, private).SerializeToString(deterministic=True)).decode())
json.dump({"verdicts": verdicts, "signed": signed}, sys.stdout)
`;

await describeWithPeers("packets and cap-sdk-python 2.17.0", [capPython], ([python]) => {
  it("200 random packets with awkward maps verify on both sides", { timeout: 120_000 }, async () => {
    const requests = fc.sample(messageOf(JobRequestSchema, 3) as fc.Arbitrary<JobRequest>, {
      numRuns: 200,
      seed: 7,
    });
    const key = toSigningKey(keyFile("client.pkcs8.pem"));
    const sealed: string[] = [];
    for (const request of requests) {
      const value = { ...request, jobId: "j", topic: "job.x", priority: 1, stepIndex: 1 };
      delete value.budget;
      const packet = createPacket({ case: "jobRequest", value }, { senderId: "client-1" });
      sealed.push(toBase64(await sealPacket(packet, { key, mapOrder: "upb" })));
    }
    const folder = mkdtempSync(join(tmpdir(), "agentwire-"));
    writeFileSync(join(folder, "judge.py"), JUDGE);
    const job = {
      public: { "client-1": keyFile("client.pub.pem") },
      private: keyFile("worker.pkcs8.pem"),
      packets: sealed,
    };
    writeFileSync(join(folder, "job.json"), JSON.stringify(job));
    const answer = execFileSync(python!, [join(folder, "judge.py"), join(folder, "job.json")], {
      encoding: "utf8",
    });
    const { verdicts, signed } = JSON.parse(answer) as { verdicts: boolean[]; signed: string[] };
    expect(verdicts.filter((accepted) => !accepted)).toEqual([]);
    expect(signed).toHaveLength(200);
    for (const crypto of [undefined, nobleCrypto]) {
      const keys = new KeyRing(
        { "worker-1": keyFile("worker.pub.pem") },
        crypto === undefined ? {} : { crypto },
      );
      for (const packet of signed.slice(0, crypto === undefined ? 200 : 30)) {
        await expect(openPacket(fromBase64(packet), { keys })).resolves.toBeDefined();
      }
    }
  });
});
