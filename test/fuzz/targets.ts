import { fileTargets } from "./files.ts";
import { packetTargets } from "./packets.ts";
import { readerTargets } from "./readers.ts";
import type { Target } from "./target.ts";

export const targets: readonly Target[] = [...packetTargets, ...readerTargets, ...fileTargets];
