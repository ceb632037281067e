/** The channels on which the control leaks, and what it leaks there. */
export const CHANNELS = ["stdout", "stderr", "log", "inspect", "error", "file"] as const;

export type Channel = (typeof CHANNELS)[number];

/** One for each channel, put together so that its text stands in no source. */
export function controlSecret(channel: Channel): string {
  return ["leaked", "on", channel, "0f3a9c"].join("-");
}
