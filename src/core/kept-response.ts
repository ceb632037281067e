/**
 * A `Response` whose body has been read already. The platform's own takes longer to make than the request takes
 * to be answered: it opens a stream and checks every header. Here both are made when somebody asks for them.
 */

/** What an answer consists of. */
export interface KeptAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly url: string;
}

const decoder = new TextDecoder();

/** Headers of an answer; `get` and `has` need no object of the platform. */
class KeptHeaders implements Headers {
  readonly #raw: KeptAnswer["headers"];
  #made: Headers | undefined;

  constructor(raw: KeptAnswer["headers"]) {
    this.#raw = raw;
  }

  get(name: string): string | null {
    if (this.#made !== undefined) return this.#made.get(name);
    const value = this.#raw[name.toLowerCase()];
    if (value === undefined) return null;
    return typeof value === "string" ? value : value.join(", ");
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }

  get #all(): Headers {
    if (this.#made === undefined) {
      this.#made = new Headers();
      for (const [name, value] of Object.entries(this.#raw))
        for (const one of [value ?? []].flat()) this.#made.append(name, one);
    }
    return this.#made;
  }

  append(name: string, value: string): void {
    this.#all.append(name, value);
  }

  delete(name: string): void {
    this.#all.delete(name);
  }

  set(name: string, value: string): void {
    this.#all.set(name, value);
  }

  getSetCookie(): string[] {
    return this.#all.getSetCookie();
  }

  forEach(each: (value: string, key: string, parent: Headers) => void, self?: unknown): void {
    for (const [name, value] of this.#all) each.call(self, value, name, this);
  }

  entries(): ReturnType<Headers["entries"]> {
    return this.#all.entries();
  }

  keys(): ReturnType<Headers["keys"]> {
    return this.#all.keys();
  }

  values(): ReturnType<Headers["values"]> {
    return this.#all.values();
  }

  [Symbol.iterator](): ReturnType<Headers["entries"]> {
    return this.#all.entries();
  }
}

/** A response to the last byte. */
export class KeptResponse implements Response {
  readonly #answer: KeptAnswer;
  readonly headers: Headers;
  #used = false;
  #made: Response | undefined;

  constructor(answer: KeptAnswer) {
    this.#answer = answer;
    this.headers = new KeptHeaders(answer.headers);
  }

  get status(): number {
    return this.#answer.status;
  }

  get statusText(): string {
    return this.#answer.statusText;
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  get url(): string {
    return this.#answer.url;
  }

  get redirected(): boolean {
    return false;
  }

  get type(): ResponseType {
    return "basic";
  }

  get bodyUsed(): boolean {
    return this.#made?.bodyUsed ?? this.#used;
  }

  get body(): Response["body"] {
    return this.#whole.body;
  }

  async text(): Promise<string> {
    return this.#made === undefined ? decoder.decode(this.#take()) : this.#made.text();
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer;
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#made === undefined) return new Uint8Array(this.#take());
    return new Uint8Array(await this.#made.arrayBuffer());
  }

  async blob(): Promise<Blob> {
    return this.#whole.blob();
  }

  async formData(): Promise<FormData> {
    return this.#whole.formData();
  }

  clone(): Response {
    if (this.bodyUsed) throw new TypeError("the body was read already");
    return this.#made === undefined ? new KeptResponse(this.#answer) : this.#made.clone();
  }

  #take(): Uint8Array<ArrayBuffer> {
    if (this.#used) throw new TypeError("the body was read already");
    this.#used = true;
    return this.#answer.bytes;
  }

  /** The platform's own, for what is rarely asked. */
  get #whole(): Response {
    if (this.#made === undefined) {
      const { status, statusText, bytes } = this.#answer;
      const noBody = status === 204 || status === 205 || status === 304;
      if (this.#used) throw new TypeError("the body was read already");
      this.#made = new Response(noBody ? null : bytes, { status, statusText, headers: this.headers });
    }
    return this.#made;
  }
}

// So that `instanceof` holds. Nothing of the platform's is inherited: all of it is said above.
if (typeof Response === "function") {
  Object.setPrototypeOf(KeptHeaders.prototype, Headers.prototype);
  Object.setPrototypeOf(KeptResponse.prototype, Response.prototype);
}
