import { DayzeroError } from "../../config/DayzeroError.ts";
import { CREDENTIAL_REFUSED, credentialProblems } from "../../credentials/credentialProblems.ts";
import type { Change, Context, Resource } from "../../resources/Resource.ts";
import { isNotThere } from "../converge/isNotThere.ts";
import { decodeProperties, type Properties, UNKNOWN } from "../converge/propertyValues.ts";
import { type Difference, differenceOf } from "./Difference.ts";
import { pathsMeet, propertyPath, topOf } from "./propertyPath.ts";
import { SecretValues } from "./SecretValues.ts";
import type { OpenStack } from "./StackAccess.ts";
import { StackSession } from "./StackSession.ts";
import { takeoverProblems } from "./takeoverProblems.ts";

/** Properties as they are on the wire: with Pulumi's signatures. */
export type Wire = Record<string, unknown>;

// biome-ignore lint/suspicious/noExplicitAny: implementations of all kinds, found by their type
type AnyResource = Resource<any, any>;

export interface Target {
  readonly urn: string;
  /** Type token; "" from engines that do not tell it beside the URN. */
  readonly type: string;
}

export interface Checked {
  readonly inputs: Wire;
  readonly failures: readonly { readonly property: string; readonly reason: string }[];
}

export type Severity = "info" | "warning" | "error";

export interface ResourceProviderOptions {
  readonly openStack: OpenStack;
  readonly load: (type: string) => Promise<AnyResource | undefined>;
  /** Shown to the person, under the resource that it is about; `ephemeral` while that is under way only. */
  readonly log: (severity: Severity, message: string, about: { urn: string; ephemeral: boolean }) => void;
}

/** Their outputs change by themselves (an object's status, a credential that is renewed): not worth an update. */
const SELF_CHANGING: ReadonlySet<string> = new Set([
  "dayzero:kubernetes:Object",
  "dayzero:gitops:RepositoryCredential",
]);
const REPOSITORY = "dayzero:git:Repository";

/**
 * The operations of Pulumi's provider protocol on Dayzero's resources, without the wire.
 *
 * Pulumi's state is never trusted: what exists is read. So what a crash left is adopted by the next Create, and what somebody changed is
 * a difference without a refresh. Values that are not known yet reach no system. Nothing that is thrown or logged holds a secret input.
 */
export class ResourceProvider {
  readonly #options: ResourceProviderOptions;
  readonly #cancelled = new AbortController();
  readonly #secrets = new SecretValues();
  /** `<type> <identity>` -> URN of the resource whose inputs were checked in this run. */
  readonly #claims = new Map<string, string>();
  /** `<type> <identity>` of what this run made: a deletion that comes later means what it took the place of. */
  readonly #created = new Set<string>();
  #config: Record<string, string> = {};
  #session: Promise<StackSession> | undefined;
  #stack = "";

  constructor(options: ResourceProviderOptions) {
    this.#options = options;
  }

  configure(args: Wire): void {
    const { values } = decodeProperties(args);
    const texts = Object.entries(values).map(([key, value]) => [
      key,
      typeof value === "string" ? value : JSON.stringify(value),
    ]);
    this.#config = Object.fromEntries(texts);
  }

  /** Breaks off what is under way. */
  cancel(reason: Error): void {
    this.#cancelled.abort(reason);
  }

  /** Gives the stack back. */
  async close(): Promise<void> {
    const session = await this.#session?.catch(() => undefined);
    await session?.close();
  }

  /** What may be shown of a text. */
  redact(text: string): string {
    return this.#secrets.redact(text);
  }

  /** The inputs go back as they came, so that Pulumi's state holds what the program says: each later call parses them again. */
  async check(target: Target, news: Wire): Promise<Checked> {
    const resource = await this.#resource(target);
    const { values, unknown, secret } = this.#decode(news);
    const parsed = resource.inputs.safeParse(values);
    const failures: { property: string; reason: string }[] = [];
    // The engine shows the value of a property that it is told: where that may be a secret, the path stands in the reason only.
    const fail = (path: string, reason: string, { hidden = secret.has(topOf(path)) } = {}) => {
      const text = this.redact(reason);
      failures.push(hidden ? { property: "", reason: `${path}: ${text}` } : { property: path, reason: text });
    };
    const credentials = credentialProblems(values);
    for (const { path, looksLike } of credentials) {
      const reason = `it looks like ${looksLike}: ${CREDENTIAL_REFUSED.why}; ${CREDENTIAL_REFUSED.hint}`;
      fail(path, reason, { hidden: true });
    }
    for (const { property, reason, misspelt } of parsed.error?.issues.flatMap(failuresOf) ?? []) {
      if (unknown.some((path) => pathsMeet(path, property))) continue;
      if (credentials.some(({ path }) => pathsMeet(path, property))) continue;
      fail(property, reason, misspelt ? { hidden: true } : {});
    }
    const id = identityIfKnown(resource, parsed, values);
    if (id !== undefined) {
      const claim = keyOf(resource, id);
      const other = this.#claims.get(claim) ?? target.urn;
      if (other === target.urn) this.#claims.set(claim, target.urn);
      else fail("", `"${id}" is managed by ${other} already (IDENTITY_DUPLICATE): declare it once`);
    }
    if (resource.type === REPOSITORY && parsed.success) {
      const { remembered } = await this.#open(target);
      for (const { path, message } of takeoverProblems(remembered, parsed.data)) fail(path, message);
    }
    return { inputs: news, failures };
  }

  async diff(
    target: Target,
    request: { id: string; olds: Wire; news: Wire; oldInputs: Wire; timeout?: number },
  ): Promise<Difference> {
    const { id, olds, news, oldInputs } = request;
    const resource = await this.#resource(target);
    const inputs = this.#decode(news);
    const parsed = resource.inputs.safeParse(inputs.values);
    const compare = (nextId: string | undefined, changes: readonly Change[]) =>
      differenceOf({ id, nextId, changes, oldInputs, newInputs: news });
    if (inputs.unknown.length > 0) {
      const changes = inputs.unknown.map((path) => ({ action: "update", path }) as const);
      return compare(identityIfKnown(resource, parsed, inputs.values), changes);
    }
    const desired = parsedInputs(parsed);
    const nextId = resource.identify(desired);
    if (nextId !== id) return compare(nextId, []);
    const session = await this.#open(target);
    const live = await session.reading(this.#operation(target), (ctx) => readIfThere(resource, id, ctx, desired));
    const changes = resource.plan(live, desired);
    if (live === undefined) this.#say("info", target, "it is gone, and will be made again");
    if (changes.length > 0 || live === undefined || SELF_CHANGING.has(resource.type)) return compare(nextId, changes);
    return compare(nextId, staleOutputs(olds, this.#found(resource, live, inputs)));
  }

  async create(
    target: Target,
    request: { properties: Wire; preview: boolean; timeout: number },
  ): Promise<{ id: string; properties: Wire }> {
    const resource = await this.#resource(target);
    const made = await this.#make(resource, target, { news: request.properties, ...request });
    if (!request.preview) this.#created.add(keyOf(resource, made.id));
    return made;
  }

  async update(
    target: Target,
    request: { id: string; news: Wire; preview: boolean; timeout: number },
  ): Promise<{ properties: Wire }> {
    const resource = await this.#resource(target);
    return this.#make(resource, target, request);
  }

  /** With only an identity (an import), inputs are told from what is found as far as they can be. */
  async read(
    target: Target,
    request: { id: string; inputs: Wire; timeout: number },
  ): Promise<{ id: string; properties: Wire; inputs: Wire } | undefined> {
    const { id, inputs: wired, timeout } = request;
    const resource = await this.#resource(target);
    const inputs = this.#decode(wired);
    const parsed = resource.inputs.safeParse(inputs.values);
    const known = parsed.success && inputs.unknown.length === 0 && resource.identify(parsed.data) === id;
    const session = await this.#open(target);
    const live = await session.reading(this.#operation(target, timeout), (ctx) =>
      resource.read(id, ctx, known ? parsed.data : undefined),
    );
    if (live === undefined) return undefined;
    const given = Object.keys(wired).length > 0 ? wired : inputsFrom(resource, plain(live));
    return { id, inputs: given, properties: this.#outputs(resource, live, inputs, given) };
  }

  async delete(target: Target, { id, timeout }: { id: string; timeout: number }): Promise<void> {
    const resource = await this.#resource(target);
    const key = keyOf(resource, id);
    const claimed = this.#claims.get(key) ?? target.urn;
    if (claimed !== target.urn || this.#created.has(key)) {
      this.#say("warning", target, `left "${id}" in place: ${claimed} manages it now`);
      return;
    }
    const session = await this.#open(target);
    await session.writing(this.#operation(target, timeout), async (ctx) => {
      const stay = await resource.stays?.(id, ctx);
      if (stay?.as !== "kept") await resource.remove(id, ctx);
      if (stay !== undefined) this.#say("warning", target, stay.note);
    });
  }

  /** Read, plan, and apply what differs; a preview stops before that and answers with what is known then. */
  async #make(
    resource: AnyResource,
    target: Target,
    { id, news, preview, timeout }: { id?: string; news: Wire; preview: boolean; timeout: number },
  ): Promise<{ id: string; properties: Wire }> {
    const inputs = this.#decode(news);
    if (inputs.unknown.length > 0) {
      if (preview) return { id: "", properties: news };
      throw new DayzeroError("INPUTS_UNKNOWN", `its inputs are not known: ${inputs.unknown.join(", ")}`);
    }
    const desired = parsedInputs(resource.inputs.safeParse(inputs.values));
    const identity = resource.identify(desired);
    if (id !== undefined && id !== identity) {
      throw new DayzeroError("IDENTITY_CHANGED", `it is "${id}" and its inputs say "${identity}"`, {
        hint: "run `pulumi up` again: it has to be replaced",
      });
    }
    const session = await this.#open(target);
    const operation = this.#operation(target, timeout);
    if (preview) {
      const live = await session.reading(operation, (ctx) => readIfThere(resource, identity, ctx, desired));
      const same = live !== undefined && resource.plan(live, desired).length === 0;
      // What a change will lead to is not known before it is made: outputs that are left out are unknown to a preview.
      return same
        ? { id: identity, properties: this.#outputs(resource, live, inputs, news) }
        : { id: id ?? "", properties: news };
    }
    const live = await session.writing(operation, async (ctx) => {
      const found = await resource.read(identity, ctx, desired);
      const changes = resource.plan(found, desired);
      return found !== undefined && changes.length === 0 ? found : resource.apply(changes, desired, ctx);
    });
    return { id: identity, properties: this.#outputs(resource, live, inputs, news) };
  }

  /** Inputs as they came (secrets still wrapped), overlaid with what is live. */
  #outputs(resource: AnyResource, live: object, inputs: Properties, news: Wire): Wire {
    return { ...news, ...this.#found(resource, live, inputs) };
  }

  /** What a program gets of what is live; never what came as a secret input. */
  #found(resource: AnyResource, live: object, { secret }: Properties): Wire {
    const found = Object.entries(plain(resource.outputs?.(live) ?? live));
    return Object.fromEntries(found.filter(([key]) => !secret.has(key)));
  }

  #decode(wire: Wire): Properties {
    const properties = decodeProperties(wire);
    for (const key of properties.secret) this.#secrets.add(properties.values[key]);
    return properties;
  }

  async #resource(target: Target): Promise<AnyResource> {
    const type = target.type || (target.urn.split("::")[2]?.split("$").at(-1) ?? "");
    const resource = await this.#options.load(type);
    if (resource !== undefined) return resource;
    throw new DayzeroError("HANDLER_MISSING", `dayzero has no resource "${type}"`, {
      hint: "correct its type, or install the version of dayzero that has it",
    });
  }

  /** The stack is the one of the URN: a plugin serves one run, and a run is of one stack. */
  async #open({ urn }: Target): Promise<StackSession> {
    const stack = /^urn:pulumi:([^:]+)::/.exec(urn)?.[1] ?? "";
    if (this.#session !== undefined && stack !== this.#stack) {
      throw new DayzeroError("STACK_CHANGED", `asked about stack "${stack}" while serving "${this.#stack}"`);
    }
    this.#stack = stack;
    const signal = this.#cancelled.signal;
    this.#session ??= StackSession.open(this.#options.openStack, { stack, config: this.#config, signal }).catch(
      (error: unknown) => {
        this.#session = undefined;
        throw error;
      },
    );
    return this.#session;
  }

  #operation({ urn }: Target, timeout = 0): { narrate: (message: string) => void; timeout: number } {
    const narrate = (message: string) => this.#options.log("info", this.redact(message), { urn, ephemeral: true });
    return { narrate, timeout };
  }

  #say(severity: Severity, { urn }: Target, message: string): void {
    this.#options.log(severity, this.redact(message), { urn, ephemeral: false });
  }
}

function keyOf({ type }: AnyResource, id: string): string {
  return `${type} ${id}`;
}

/** As JSON carries it: without what is undefined. */
function plain(live: object): Wire {
  return JSON.parse(JSON.stringify(live)) as Wire;
}

interface Issue {
  readonly code?: string | undefined;
  readonly path: PropertyKey[];
  readonly message: string;
}

/** A problem of the schema by the property it is about; a key that is not known is said at the key itself. */
function failuresOf(issue: Issue): { property: string; reason: string; misspelt: boolean }[] {
  const { keys } = issue as { keys?: readonly string[] };
  if (issue.code !== "unrecognized_keys" || keys === undefined) {
    return [{ property: propertyPath(issue.path), reason: issue.message, misspelt: false }];
  }
  return keys.map((key) => {
    const property = propertyPath([...issue.path, key]);
    return { property, reason: "there is no such property", misspelt: true };
  });
}

function parsedInputs<Inputs>(
  parsed: { success: true; data: Inputs } | { success: false; error: { issues: Issue[] } },
): Inputs {
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap(failuresOf).map(({ property, reason }) => `${property}: ${reason}`);
  throw new DayzeroError("INPUTS_INVALID", `its inputs are not valid: ${problems.join("; ")}`, {
    hint: "correct them in the program",
  });
}

/** In a plan, a system that is not there has nothing in it. */
async function readIfThere(
  resource: AnyResource,
  id: string,
  ctx: Context,
  desired: unknown,
): Promise<object | undefined> {
  try {
    return await resource.read(id, ctx, desired);
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
}

function identityIfKnown(resource: AnyResource, parsed: { data?: unknown }, values: unknown): string | undefined {
  try {
    const id = resource.identify(parsed.data ?? values);
    // Inputs that do not parse may lack what the identity is made of: a template then says "undefined", or it throws.
    return id.includes(UNKNOWN) || (parsed.data === undefined && id.includes("undefined")) ? undefined : id;
  } catch {
    return undefined;
  }
}

/** Outputs that somebody else's run changed meanwhile: other resources of the program may be made from them. */
function staleOutputs(olds: Wire, outputs: Wire): Change[] {
  return Object.entries(outputs)
    .filter(([key, value]) => canonical(value) !== canonical(olds[key]))
    .map(([path]) => ({ action: "update", path }));
}

/** Equal for equal values: the wire does not keep the order of keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([one], [other]) => (one < other ? -1 : 1)))
      : item,
  );
}

/** The part of what is found that the inputs have a place for. */
function inputsFrom(resource: AnyResource, live: Wire): Wire {
  const candidate = { ...live };
  const issues = resource.inputs.safeParse(candidate).error?.issues ?? [];
  for (const issue of issues.flatMap(failuresOf)) delete candidate[topOf(issue.property)];
  return candidate;
}
