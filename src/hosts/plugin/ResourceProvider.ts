import { DayzeroError } from "../../config/DayzeroError.ts";
import { CREDENTIAL_REFUSED, credentialProblems } from "../../credentials/credentialProblems.ts";
import type { Change, Context } from "../../resources/Resource.ts";
import { assertIdentity, identityProblem } from "../assertIdentity.ts";
import type { AnyHandler } from "../Handler.ts";
import { identityIfKnown } from "../identityIfKnown.ts";
import { inputProblems, invalidInputs } from "../inputProblems.ts";
import { isGone } from "../isGone.ts";
import { pathsMeet, topOf } from "../propertyPath.ts";
import { decodeProperties, type Properties, secretValue, UNKNOWN } from "../propertyValues.ts";
import { readLive } from "../readLive.ts";
import { type Difference, differenceOf } from "./Difference.ts";
import { parseUrn, type Urn } from "./parseUrn.ts";
import { SecretValues } from "./SecretValues.ts";
import type { OpenStack } from "./StackAccess.ts";
import { StackSession } from "./StackSession.ts";
import { takeoverProblems } from "./takeoverProblems.ts";

/** Properties as they are on the wire: with Pulumi's signatures. */
export type Wire = Record<string, unknown>;

interface Inputs extends Properties {
  /** What came marked as a secret in them. */
  readonly secrets: SecretValues;
}

interface Comparison {
  readonly live: object | undefined;
  readonly changes: readonly Change[];
  readonly desired: unknown;
}

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
  readonly load: (type: string) => Promise<AnyHandler | undefined>;
  /** Shown to the person, under the resource that it is about; `ephemeral` while that is under way only. */
  readonly log: (severity: Severity, message: string, about: { urn: string; ephemeral: boolean }) => void;
}

/** Their outputs change by themselves (an object's status, a credential that is renewed): not worth an update. */
const SELF_CHANGING: ReadonlySet<string> = new Set([
  "dayzero:kubernetes:Object",
  "dayzero:gitops:RepositoryCredential",
]);
const SECRET_IDENTITY = "a secret is part of its identity, which Pulumi keeps and shows in clear";
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
  #served: Pick<Urn, "stack" | "project"> | undefined;

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
    const { values, unknown, secret, secrets } = this.#decode(news);
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
    for (const { path, reason, misspelt } of inputProblems(parsed.error?.issues ?? [])) {
      if (unknown.some((each) => pathsMeet(each, path))) continue;
      if (credentials.some((each) => pathsMeet(each.path, path))) continue;
      fail(path, reason, misspelt ? { hidden: true } : {});
    }
    const id = identityIfKnown(resource, parsed, values);
    if (id !== undefined && secrets.areIn(id)) {
      fail("", `${SECRET_IDENTITY}: pass that part as plain text`);
    } else if (parsed.success && id !== undefined && identityProblem(resource, id) !== undefined) {
      fail("", identityProblem(resource, id) ?? "");
    } else if (id !== undefined) {
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
    this.#decode(oldInputs);
    const inputs = this.#decode(news);
    const parsed = resource.inputs.safeParse(inputs.values);
    const compare = (nextId: string | undefined, changes: readonly Change[]) => {
      // What is named after a secret, of these inputs or of earlier ones, is said of the whole property.
      const shown = changes.map((change) =>
        this.#secrets.areIn(change.path) ? { ...change, path: topOf(change.path) } : change,
      );
      return differenceOf({ id, nextId, changes: shown, oldInputs, newInputs: news });
    };
    if (inputs.unknown.length > 0) {
      const changes = inputs.unknown.map((path) => ({ action: "update", path }) as const);
      return compare(identityIfKnown(resource, parsed, inputs.values), changes);
    }
    if (!parsed.success) throw invalidInputs(parsed.error.issues);
    const nextId = identified(resource, parsed.data, inputs);
    if (nextId !== id) return compare(nextId, []);
    const session = await this.#open(target);
    const { live, changes } = await session.reading(this.#operation(target), (ctx) =>
      comparison(resource, id, parsed.data, ctx),
    );
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
    assertIdentity(resource, id);
    const inputs = this.#decode(wired);
    const parsed = resource.inputs.safeParse(inputs.values);
    const known = parsed.success && inputs.unknown.length === 0 && resource.identify(parsed.data) === id;
    const session = await this.#open(target);
    const live = await session
      .reading(this.#operation(target, timeout), (ctx) => resource.read(id, ctx, known ? parsed.data : undefined))
      .catch(undefinedIfGone);
    if (live === undefined) return undefined;
    const given = Object.keys(wired).length > 0 ? wired : inputsFrom(resource, plain(live));
    return { id, inputs: given, properties: this.#outputs(resource, live, inputs, given) };
  }

  async delete(target: Target, { id, timeout }: { id: string; timeout: number }): Promise<void> {
    const resource = await this.#resource(target);
    assertIdentity(resource, id);
    const key = keyOf(resource, id);
    const claimed = this.#claims.get(key) ?? target.urn;
    if (claimed !== target.urn || this.#created.has(key)) {
      this.#say("warning", target, `left "${id}" in place: ${claimed} manages it now`);
      return;
    }
    const session = await this.#open(target);
    await session.writing(this.#operation(target, timeout), async (ctx) => {
      const stay = await resource.stays?.(id, ctx)?.catch(undefinedIfGone);
      if (stay?.as !== "kept") await resource.remove(id, ctx).catch(undefinedIfGone);
      if (stay !== undefined) this.#say("warning", target, stay.note);
    });
  }

  /** Read, plan, and apply what differs; a preview stops before that and answers with what is known then. */
  async #make(
    resource: AnyHandler,
    target: Target,
    { id, news, preview, timeout }: { id?: string; news: Wire; preview: boolean; timeout: number },
  ): Promise<{ id: string; properties: Wire }> {
    const inputs = this.#decode(news);
    if (inputs.unknown.length > 0) {
      if (preview) return { id: "", properties: news };
      throw new DayzeroError("INPUTS_UNKNOWN", `its inputs are not known: ${inputs.unknown.join(", ")}`, {
        hint: "run `pulumi up` without --target, so that what they come from is made first",
      });
    }
    const parsed = resource.inputs.safeParse(inputs.values);
    if (!parsed.success) throw invalidInputs(parsed.error.issues);
    const identity = identified(resource, parsed.data, inputs);
    if (id !== undefined && id !== identity) {
      throw new DayzeroError("IDENTITY_CHANGED", `it is "${id}" and its inputs say "${identity}"`, {
        hint: "run `pulumi up` again: it has to be replaced",
      });
    }
    const session = await this.#open(target);
    const operation = this.#operation(target, timeout);
    if (preview) {
      const { live, changes, desired } = await session.reading(operation, (ctx) =>
        comparison(resource, identity, parsed.data, ctx),
      );
      if (live !== undefined && changes.length === 0) {
        return { id: identity, properties: this.#outputs(resource, live, inputs, news) };
      }
      // Outputs that are left out are unknown to a preview; so is one that says something else than the input of its name.
      const now = live === undefined ? {} : this.#found(resource, live, inputs);
      const overlaid = Object.keys(now).filter((key) => key in news && canonical(now[key]) !== canonical(news[key]));
      const foreseen = this.#shown(resource.foresee?.(live, desired, changes) ?? {}, inputs);
      const unsure = Object.fromEntries(overlaid.map((key) => [key, UNKNOWN]));
      return { id: id ?? "", properties: { ...news, ...unsure, ...foreseen } };
    }
    const live = await session.writing(operation, async (ctx) => {
      const { live: found, changes, desired } = await comparison(resource, identity, parsed.data, ctx);
      return found !== undefined && changes.length === 0 ? found : resource.apply(changes, desired, ctx);
    });
    return { id: identity, properties: this.#outputs(resource, live, inputs, news) };
  }

  /** Inputs as they came (secrets still wrapped), overlaid with what is live. */
  #outputs(resource: AnyHandler, live: object, inputs: Inputs, news: Wire): Wire {
    return { ...news, ...this.#found(resource, live, inputs) };
  }

  /** What a program gets of what is live: never what came as a secret input, and marked where it may be made from one. */
  #found(resource: AnyHandler, live: object, inputs: Inputs): Wire {
    return this.#shown(resource.outputs?.(live) ?? live, inputs);
  }

  #shown(outputs: object, { values, secret }: Inputs): Wire {
    const found = Object.entries(plain(outputs)).filter(([key]) => !secret.has(key));
    // Not only what holds it: the digest of a short secret tells it too.
    const isPlain = (key: string, value: unknown) => secret.size === 0 || canonical(value) === canonical(values[key]);
    return Object.fromEntries(found.map(([key, value]) => [key, isPlain(key, value) ? value : secretValue(value)]));
  }

  #decode(wire: Wire): Inputs {
    const properties = decodeProperties(wire);
    const secrets = new SecretValues();
    for (const key of properties.secret) {
      secrets.add(properties.values[key]);
      this.#secrets.add(properties.values[key]);
    }
    return { ...properties, secrets };
  }

  /** The stack is the one of the first URN: a plugin serves one run, and a run is of one stack. */
  async #resource(target: Target): Promise<AnyHandler> {
    const { stack, project, type } = parseUrn(target.urn);
    if (target.type !== "" && target.type !== type) {
      throw new DayzeroError("URN_INVALID", `asked about a "${target.type}" whose URN says "${type}"`, {
        hint: "dayzero's provider answers Pulumi's engine: run `pulumi up`",
      });
    }
    this.#served ??= { stack, project };
    if (stack !== this.#served.stack || project !== this.#served.project) {
      const served = `"${this.#served.stack}" of project "${this.#served.project}"`;
      throw new DayzeroError("STACK_CHANGED", `asked about stack "${stack}" of "${project}" while serving ${served}`, {
        hint: "let Pulumi start a provider for each run: unset PULUMI_DEBUG_PROVIDERS and run `pulumi up` again",
      });
    }
    const resource = await this.#options.load(type);
    if (resource !== undefined) return resource;
    throw new DayzeroError("HANDLER_MISSING", `dayzero has no resource "${type}"`, {
      hint: "correct its type, or install the version of dayzero that has it",
    });
  }

  async #open({ urn }: Target): Promise<StackSession> {
    const { stack } = parseUrn(urn);
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

/** With the system that it lives in, a resource is gone as well. */
function undefinedIfGone(error: unknown): undefined {
  if (!isGone(error)) throw error;
}

function keyOf({ type }: AnyHandler, id: string): string {
  return `${type} ${id}`;
}

/** As JSON carries it: without what is undefined. */
function plain(live: object): Wire {
  return JSON.parse(JSON.stringify(live)) as Wire;
}

function identified(resource: AnyHandler, desired: unknown, { secrets }: Inputs): string {
  const id = resource.identify(desired);
  if (!secrets.areIn(id)) return id;
  throw new DayzeroError("IDENTITY_SECRET", SECRET_IDENTITY, { hint: "pass that part as plain text" });
}

/**
 * What is live, and what there is to do about it. The protocol does not tell `protect`: what `dayzero up` marked as protected keeps the
 * mark, and Pulumi's engine knows by its state what it protects.
 */
async function comparison(resource: AnyHandler, id: string, desired: unknown, ctx: Context): Promise<Comparison> {
  const live = await readLive(resource, id, ctx, desired);
  const changes = resource.plan(live, desired);
  if (live === undefined || changes.length === 0) return { live, changes, desired };
  if (resource.protected === undefined || !(await resource.isProtected?.(id, ctx))) return { live, changes, desired };
  const marked: unknown = resource.protected(desired);
  const compared = await readLive(resource, id, ctx, marked);
  return { live: compared, changes: resource.plan(compared, marked), desired: marked };
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

/** The part of what is found that the inputs name. A manifest may be anything, which is no reason to keep all of an object. */
function inputsFrom(resource: AnyHandler, live: Wire): Wire {
  const { shape } = resource.inputs as { readonly shape?: object };
  const candidate = Object.fromEntries(Object.entries(live).filter(([key]) => shape === undefined || key in shape));
  const issues = resource.inputs.safeParse(candidate).error?.issues ?? [];
  for (const { path } of inputProblems(issues)) delete candidate[topOf(path)];
  return candidate;
}
