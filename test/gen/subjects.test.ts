import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import config from "../../agentwire.config.ts";
import { readBus } from "../../src/generate/proto/proto.ts";
import { emitSubjects } from "../../src/generate/proto/subjects.ts";
import { readSubjects } from "../../src/generate/proto/subjects-spec.ts";
import { req } from "../requirements/index.ts";
import { bus, makeProject, type Project } from "./project.ts";

const file = "specs/bus/subjects.yaml";
const payloads = ["ping", "pongBack"];
let project: Project;
beforeEach(() => {
  project = makeProject();
});
afterEach(() => project.remove());

describe("the table of subjects", () => {
  it("becomes constants, rows and builders", () => {
    const text = emitSubjects(readSubjects(project.root, file, payloads), "./bus/v1/packet_pb.js");
    expect(text).toContain('export const SUBJECT_PING = "bus.ping";');
    expect(text).toContain('export const QUEUE_KEEPER = "the-keepers";');
    expect(text).toContain("export const PROTOCOL_VERSION = 3;");
    expect(text).toContain('consumers: [{ role: "keeper", queue: "the-keepers" }, { role: "observer" }],');
    expect(text).toMatch(/roomSubject\(roomId: string\): string \{\n {2}return `room\.\$\{roomId\}\.pings`;/);
    expect(text).toMatch(/return `d_\$\{queue\}__\$\{consumerToken\(subject\)\}`;/);
  });

  it.each([
    [
      "payload: ping\n    reply",
      "payload: pinged\n    reply",
      6,
      "subjects.ping.payload must be one of ping, pongBack, any",
    ],
    ["reply: pongBack", "reply: any", 7, "subjects.ping.reply must be one of ping, pongBack"],
    ["subject: bus.ping", "subject: bus..ping", 5, "subjects.ping.subject must be a subject"],
    [
      "queue: keeper }",
      "queue: keepers }",
      9,
      "subjects.ping.consumers.0.queue keepers is not one of the queues",
    ],
    [
      "delivery: direct",
      "delivery: sometimes",
      10,
      "subjects.ping.delivery must be one of durable, best-effort, direct",
    ],
    ["    doc: Are you there?\n", "", 4, "subjects.ping.doc is missing"],
    ["queue: none", "queue: nobody", 18, "templates.room.queue must be one of subject, none"],
    ["queues:", "queus:", 1, "queus is not known"],
    ["value: 3, doc", "value: [3], doc", 26, "constants.protocolVersion.value must be text or a number"],
    ["delivery: direct", "deliver: direct", 10, "subjects.ping.deliver is not known"],
  ])("with %j turned into %j is refused at line %i", (from, to, line, message) => {
    project.edit(file, from, to);
    const check = () => readSubjects(project.root, file, payloads);
    expect(check).toThrow(message);
    expect(check).toThrow(new RegExp(`^${file.replaceAll(".", "\\.")}:${line}:\\d+: `, "m"));
  });

  it("refuses a subject that is there twice", () => {
    const ping = project.read(file).match(/ {2}ping:\n[\s\S]*?(?=templates:)/)![0];
    project.edit(file, "templates:", `${ping.replace("ping:", "again:")}templates:`);
    expect(() => readSubjects(project.root, file, payloads)).toThrow(
      "subjects.again.subject is the same as that of ping",
    );
  });

  it("knows the payloads of a proto by their JSON names, comments aside", async () => {
    const { types } = await readBus(project.root, bus);
    expect(types.payloads.map(({ localName }) => localName)).toEqual(payloads);
  });
});

describe("the subjects of CAP", () => {
  const root = join(import.meta.dirname, "..", "..");

  it(
    req("specs.cap.subjects", "are those of the deployed protocol, with their payloads and queue groups"),
    async () => {
      const { subjects: spec } = await readBus(root, config.specs.cap);
      const rows = Object.values(spec.subjects).map(({ subject, payload, reply, consumers }) => {
        const queues = consumers.flatMap(({ queue }) =>
          queue === undefined ? [] : [spec.queues[queue]?.value],
        );
        return [subject, [payload, reply].filter(Boolean).join(" -> "), queues.join()];
      });
      expect(rows).toEqual([
        ["sys.job.submit", "jobRequest", "cordum-scheduler"],
        ["sys.job.result", "jobResult", "cordum-scheduler,cordum-workflow-engine"],
        ["sys.job.progress", "jobProgress", ""],
        ["sys.job.cancel", "jobCancel", "cordum-scheduler"],
        ["sys.job.dlq", "jobResult", ""],
        ["sys.heartbeat", "heartbeat", ""],
        ["sys.handshake", "handshake", ""],
        ["sys.alert", "alert", ""],
        ["sys.workflow.event", "alert", ""],
        ["sys.worker.handshake.challenge", "workerHandshakeChallengeRequest -> workerHandshakeChallenge", ""],
        ["sys.worker.handshake.authenticate", "workerHandshakeAuthenticate -> workerHandshakeResult", ""],
        ["sys.audit.>", "any", ""],
      ]);
      expect(Object.values(spec.templates).map(({ subject, queue }) => [subject, queue])).toEqual([
        ["job.<pool>", "subject"],
        ["worker.<worker_id>.jobs", "none"],
        ["job.<pool>.result", "none"],
      ]);
    },
  );
});
