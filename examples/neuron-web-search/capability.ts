/** `examples/web.search`: asks a search server with the JSON form of DuckDuckGo's instant answers. */
import { jsonSchema } from "agentwire";
import { defineHandler, type HandlerDefinition } from "agentwire/handler";

interface SearchInput {
  readonly query: string;
  readonly maxResults?: number;
  readonly region?: string;
}

interface SearchResult {
  readonly title: string;
  readonly url: string;
  readonly snippet: string;
}

interface SearchOutput {
  readonly query: string;
  readonly results: readonly SearchResult[];
}

/** An answer of the server: topics, some of them grouped. */
export interface Topic {
  readonly FirstURL?: string;
  readonly Text?: string;
  readonly Topics?: readonly Topic[];
}

/** The server on the network. */
export const publicSearch = "https://api.duckduckgo.com/";

/** `searchUrl`: the server to ask. */
export function webSearch(searchUrl: string): HandlerDefinition {
  return defineHandler({
    description: "Searches the web and returns titles, URLs and snippets.",
    input: jsonSchema<SearchInput>({
      type: "object",
      additionalProperties: false,
      required: ["query"],
      properties: {
        query: { type: "string", minLength: 1, maxLength: 500 },
        maxResults: { type: "integer", minimum: 1, maximum: 25, default: 10 },
        region: { type: "string", default: "wt-wt" },
      },
    }),
    output: jsonSchema<SearchOutput>({
      type: "object",
      required: ["query", "results"],
      properties: {
        query: { type: "string" },
        results: {
          type: "array",
          items: {
            type: "object",
            required: ["title", "url", "snippet"],
            properties: { title: { type: "string" }, url: { type: "string" }, snippet: { type: "string" } },
          },
        },
      },
    }),
    async run({ query, maxResults = 10, region = "wt-wt" }, ctx) {
      const url = new URL(searchUrl);
      url.search = String(new URLSearchParams({ q: query, kl: region, format: "json", no_html: "1" }));
      const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(20_000)]);
      const response = await fetch(url, { signal, headers: { accept: "application/json" } });
      if (!response.ok) ctx.fail(`the search answered ${response.status}`, { code: "UPSTREAM_NON_2XX" });
      const answer = (await response.json()) as { Results?: Topic[]; RelatedTopics?: Topic[] };
      const topics = flat([...(answer.Results ?? []), ...(answer.RelatedTopics ?? [])]);
      return { query, results: topics.slice(0, maxResults).map(resultOf) };
    },
  });
}

function flat(topics: readonly Topic[]): Topic[] {
  return topics
    .flatMap((topic) => (topic.Topics ? flat(topic.Topics) : [topic]))
    .filter(({ FirstURL }) => FirstURL);
}

function resultOf({ FirstURL = "", Text = "" }: Topic): SearchResult {
  const [title = "", ...rest] = Text.split(" - ");
  return { title, url: FirstURL, snippet: rest.join(" - ") || title };
}
