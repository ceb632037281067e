/** Reports of refused packets on `sys.alert` (CAP spec 16). */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { AlertSeverity, SUBJECT_ALERT, type SystemAlertSchema } from "../../gen/cap/index.js";
import { type Clock, systemClock } from "../core/clock.js";
import type { AgentwireError } from "../core/errors.js";
import { checkOptions } from "../core/options.js";
import type { BusMessage } from "./bus.js";
import { CAPError, SignatureInvalidError, SignatureMissingError, UnknownPayloadError } from "./errors.js";
import { decodePacket } from "./packet.js";

/** How refused packets are reported. */
export interface AlertOptions {
  /** Reports in any 60 seconds; more are only counted. Default: 30. */
  readonly perMinute?: number | undefined;
}

type Alert = MessageInitShape<typeof SystemAlertSchema>;

const WINDOW_MS = 60_000;
const MAX_TEXT = 256;

/** Decides which refusals are reported, and how. */
export class ProtocolAlerts {
  readonly #perMinute: number;
  readonly #clock: Clock;
  readonly #sentAt: number[] = [];
  #unreported = 0;

  constructor(options: AlertOptions & { readonly clock?: Clock | undefined } = {}) {
    checkOptions(options, { perMinute: { min: 0 } });
    this.#perMinute = options.perMinute ?? 30;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * The alert for a refused message, with the trace of its packet where that can be read; undefined when it is itself an
   * alert, or there were too many.
   */
  report(error: AgentwireError, message: BusMessage, senderId: string): Alert | undefined {
    if (message.subject === SUBJECT_ALERT || !(error instanceof CAPError)) return undefined;
    const now = this.#clock.monotonic();
    while (this.#sentAt.length > 0 && now - this.#sentAt[0]! >= WINDOW_MS) this.#sentAt.shift();
    if (this.#sentAt.length >= this.#perMinute) {
      this.#unreported++;
      return undefined;
    }
    this.#sentAt.push(now);
    const { sender, traceId } = readable(message.data);
    const unreported = this.#unreported;
    this.#unreported = 0;
    return {
      severity: severityOf(error),
      errorCodeEnum: error.numericCode,
      sourceComponent: senderId,
      message: error.message.slice(0, MAX_TEXT),
      traceId,
      details: {
        offending_sender: sender,
        subject: message.subject,
        ...(unreported > 0 && { unreported: `${unreported}` }),
      },
    };
  }
}

function severityOf(error: CAPError): AlertSeverity {
  if (error instanceof SignatureInvalidError || error instanceof SignatureMissingError) {
    return AlertSeverity.CRITICAL;
  }
  return error instanceof UnknownPayloadError ? AlertSeverity.WARNING : AlertSeverity.ERROR;
}

function readable(bytes: Uint8Array): { readonly sender: string; readonly traceId: string } {
  try {
    const { senderId, traceId } = decodePacket(bytes);
    return { sender: senderId.slice(0, MAX_TEXT), traceId: traceId.slice(0, MAX_TEXT) };
  } catch {
    return { sender: "", traceId: "" };
  }
}
