import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DescEnum, DescField, DescMessage, FileRegistry } from "@bufbuild/protobuf";
import { createFileRegistry, fromBinary, ScalarType } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { CapTables, ProtoSpec } from "../config.js";
import { type Finding, SpecError, throwFindings } from "../finding.js";
import { bufConfig, runBuf } from "./buf.js";

/** Protos with the tables of a CAP protocol. */
export type CapSpec = ProtoSpec & { readonly cap: CapTables };

/** The message types of a bus, read from its protos. */
export interface BusTypes {
  readonly registry: FileRegistry;
  /** The message every packet is. */
  readonly packet: DescMessage;
  /** The members of its `payload` oneof. */
  readonly payloads: readonly DescField[];
  /** Every message a packet can contain, the packet first. */
  readonly messages: readonly DescMessage[];
}

/**
 * Compiles the protos and reads the packet type.
 * @throws SpecError with buf's own text when a proto is wrong; with file and line when no message, or more than one,
 * has a `payload` oneof, or when a packet can contain a field that has no canonical form
 */
export async function readBusTypes(root: string, spec: CapSpec, searchPath?: string): Promise<BusTypes> {
  const { proto, cap } = spec;
  const folder = mkdtempSync(join(tmpdir(), "agentwire-proto-"));
  try {
    const image = join(folder, "image.binpb");
    const { ok, output } = await runBuf(
      root,
      ["build", proto, "-o", image, ...bufConfig(root, spec)],
      searchPath,
    );
    if (!ok) throw new SpecError(`buf build failed\n${output}`);
    const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(image)));
    return busTypes(registry, proto, cap.packet);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function busTypes(registry: FileRegistry, folder: string, packetFile?: string): BusTypes {
  const inFile = packetFile === undefined ? undefined : registry.getFile(packetFile);
  const files = packetFile === undefined ? [...registry.files] : inFile === undefined ? [] : [inFile];
  const packets = files
    .flatMap(({ messages }) => messages)
    .filter(({ oneofs }) => oneofs.some(({ name }) => name === "payload"));
  const [packet] = packets;
  if (packet === undefined || packets.length > 1) {
    const found = packets.length === 0 ? "none" : packets.map(({ typeName }) => typeName).join(", ");
    const message = `expected one message with \`oneof payload\`, found ${found}: name its file in \`cap.packet\``;
    throw new SpecError([{ file: `${folder}/${packetFile ?? ""}`, line: 1, column: 1, message }]);
  }
  const payloads = packet.oneofs.find(({ name }) => name === "payload")!.fields;
  const messages = new Set<DescMessage>();
  const findings: Finding[] = [];
  const add = (message: DescMessage): void => {
    if (messages.has(message)) return;
    messages.add(message);
    for (const field of message.fields) {
      const problem = noCanonicalForm(field);
      if (problem !== undefined) findings.push(protoFinding(folder, field, problem));
      if (field.message !== undefined) add(field.message);
    }
  };
  add(packet);
  for (const field of payloads)
    if (field.message === undefined)
      findings.push(protoFinding(folder, field, "a payload must be a message"));
  throwFindings(findings);
  return { registry, packet, payloads, messages: [...messages] };
}

function noCanonicalForm(field: DescField): string | undefined {
  if (field.fieldKind === "map" && field.mapKey !== ScalarType.STRING) {
    return "a map must have string keys: signatures cover maps in the order of their keys' bytes";
  }
  const delimited = "delimitedEncoding" in field && field.delimitedEncoding;
  return delimited ? "groups (delimited encoding) have no canonical form" : undefined;
}

/** A finding at a field of a proto. */
function protoFinding(folder: string, field: DescField, message: string): Finding {
  const { file } = field.parent;
  const [line = 0, column = 0] = locationOf(field)?.span ?? [];
  const text = `${field.parent.name}.${field.name}: ${message}`;
  return { file: `${folder}/${file.name}.proto`, line: line + 1, column: column + 1, message: text };
}

/** What the compiler noted about a field: where it is defined. */
function locationOf(field: DescField) {
  const { parent } = field;
  if (parent.parent !== undefined) return undefined; // the path of a nested message is longer
  const path = [4, parent.file.messages.indexOf(parent), 2, parent.proto.field.indexOf(field.proto)];
  const locations = parent.file.proto.sourceCodeInfo?.location ?? [];
  return locations.find((location) => location.path.join() === path.join());
}

/** The comment in front of each value of an enum, by the number of the value, on one line. */
export function enumComments(type: DescEnum): ReadonlyMap<number, string> {
  const index = type.file.enums.indexOf(type);
  const comments = new Map<number, string>();
  for (const { path, leadingComments } of type.file.proto.sourceCodeInfo?.location ?? []) {
    const [kind, of, member, value, ...rest] = path;
    if (kind !== 5 || of !== index || member !== 2 || value === undefined || rest.length > 0) continue;
    const text = leadingComments.replace(/\s+/g, " ").trim();
    if (text !== "") comments.set(type.proto.value[value]!.number, text);
  }
  return comments;
}
