import { KubernetesError } from "../../clients/KubernetesError.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { CREDENTIAL_REFUSED, credentialProblems } from "../../credentials/credentialProblems.ts";
import type { LedgerEntry } from "../../credentials/LedgerEntry.ts";
import type { Change, Context } from "../../resources/Resource.ts";
import type { AnyHandler } from "../Handler.ts";
import { identityIfKnown } from "../identityIfKnown.ts";
import { invalidInputs } from "../inputProblems.ts";
import { decodeProperties, type Properties, redactProperties } from "../propertyValues.ts";
import { readLive } from "../readLive.ts";
import type { Action, ConvergeEvent, ResourceEvent } from "./ConvergeEvent.ts";
import type { KubernetesProviders } from "./KubernetesProviders.ts";
import { Phases } from "./Phases.ts";
import type { ProgramListener, Registered, Registration } from "./ProgramServer.ts";
import { unsupportedOptions } from "./pulumiOptions.ts";
import { STACK_TYPE, urnOf } from "./urnOf.ts";

/** What became (or would become, in a plan) of one resource. */
export interface ResourceChange {
  readonly urn: string;
  readonly name: string;
  readonly type: string;
  readonly action: Action;
  readonly changes: readonly Change[];
}

export interface RegisteredResource {
  readonly urn: string;
  readonly name: string;
  readonly type: string;
  /** Absent in a plan when it depends on a value that is not known yet. */
  readonly id: string | undefined;
  readonly handler: AnyHandler;
  readonly protect: boolean;
  /** Plain, as the program gave them: secrets unwrapped, so for no eye but a search's. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** What the program got; in a plan, as much as is known. */
  readonly outputs: object;
  readonly changes: readonly Change[];
}

interface DeploymentOptions {
  readonly project: string;
  readonly dryRun: boolean;
  readonly context: Context;
  readonly handlers: (type: string) => Promise<AnyHandler | undefined>;
  readonly emit: (event: ConvergeEvent) => void;
  readonly providers: KubernetesProviders;
  /** Throws when nothing may be written any more. */
  readonly assertWritable: () => void;
}

/** What planning one resource came to. */
interface Decision {
  readonly action: Action;
  readonly changes: readonly Change[];
  readonly id: string | undefined;
  readonly live: object | undefined;
  /** What a program gets of it; in a plan, as much as is known. */
  readonly outputs: object;
}

/**
 * Converges each resource that the program registers: parse, identify, read, plan, apply.
 *
 * The first failure wins: what is in flight goes on to its end, what comes later is turned away.
 */
export class Deployment implements ProgramListener {
  readonly changes: ResourceChange[] = [];
  readonly registered: RegisteredResource[] = [];
  readonly ledger: LedgerEntry[] = [];
  outputs: Record<string, unknown> = {};
  /** Whether the program ran to its end without an error of its own. */
  programSucceeded = false;
  /** Only in a plan: the program left out what it makes from values that are not known yet. */
  leftOut = false;
  /** Why the program failed by itself, with its stack trace. */
  programError: string | undefined;
  failure: Error | undefined;
  /** Resolves at the first failure. */
  readonly failed: Promise<undefined>;

  readonly #options: DeploymentOptions;
  readonly #phases: Phases;
  readonly #urns = new Set<string>();
  readonly #identities = new Map<string, string>();
  readonly #inFlight = new Set<Promise<unknown>>();
  #stackUrn = "";
  #signalFailure = (): void => {};

  constructor(options: DeploymentOptions) {
    this.#options = options;
    this.#phases = new Phases(options.emit);
    this.failed = new Promise((resolve) => {
      this.#signalFailure = () => resolve(undefined);
    });
  }

  /** Resolves when nothing is being converged any more. */
  async idle(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight);
  }

  async register(registration: Registration): Promise<Registered> {
    if (this.failure !== undefined) throw new Error("not converged: another resource failed before");
    const { type, name, parent } = registration;
    const { stack } = this.#options.context;
    const urn = urnOf({ project: this.#options.project, stack, parent, type, name });
    const run = this.#register(urn, registration).catch((error: unknown) => {
      throw this.#fail(named(error, type, name));
    });
    this.#inFlight.add(run);
    return run.finally(() => this.#inFlight.delete(run));
  }

  registerOutputs(urn: string, outputs: Record<string, unknown>): void {
    if (urn === this.#stackUrn) this.outputs = redactProperties(outputs);
    this.#phases.outputsRegistered(urn);
  }

  log(severity: "info" | "warning" | "error", message: string): void {
    this.#options.emit({ kind: "log", severity, message });
  }

  programLeftOut(): void {
    this.leftOut = true;
  }

  programFailed(message: string): void {
    this.programError = message;
  }

  refuse(error: DayzeroError): void {
    this.#fail(error);
  }

  succeeded(): void {
    this.programSucceeded = true;
  }

  /** The context that a resource gets: the stack's, narrating under its name. */
  contextFor(resource: ResourceEvent): Context {
    const { context, dryRun, emit } = this.#options;
    return {
      ...context,
      dryRun,
      narrate: (message) => {
        this.#phases.narrated(resource.urn, message);
        emit({ ...resource, ...this.#phases.of(resource.urn), kind: "narration", message });
      },
    };
  }

  #fail(error: Error): Error {
    this.failure ??= error;
    this.#signalFailure();
    return error;
  }

  async #register(urn: string, registration: Registration): Promise<Registered> {
    const { type, name, parent, custom, message, properties } = registration;
    if (this.#urns.has(urn)) {
      throw new DayzeroError("RESOURCE_DUPLICATE", `the program registers it twice (${urn})`, {
        hint: "give one of them another name",
      });
    }
    this.#urns.add(urn);
    const unsupported = unsupportedOptions(message);
    if (unsupported.length > 0) {
      const options = unsupported.map((option) => `"${option}"`).join(", ");
      throw new DayzeroError("OPTION_UNSUPPORTED", `it uses ${options}, which \`dayzero up\` does not do`, {
        hint: `run \`pulumi up -s ${this.#options.context.stack}\`, or leave the option out`,
      });
    }
    if (!custom) {
      if (type === STACK_TYPE) this.#stackUrn = urn;
      else this.#phases.component(urn, name, parent);
      return { urn, id: "", properties };
    }
    return this.#converge({ urn, name, type }, registration);
  }

  async #converge(resource: ResourceEvent, registration: Registration): Promise<Registered> {
    const { urn, name, type } = resource;
    const startedAt = performance.now();
    const elapsed = (): number => Math.round(performance.now() - startedAt);
    this.#phases.entered(urn, registration.parent);
    this.#options.emit({ ...resource, ...this.#phases.of(urn), kind: "resource-started" });
    try {
      const inputs = decodeProperties(registration.properties);
      refuseCredentials(inputs.values);
      if (type.startsWith("pulumi:providers:")) {
        await this.#options.providers.register(resource, inputs, this.contextFor(resource));
        this.#phases.left(urn, "converged");
        this.#finished(resource, { action: "same", changes: [] }, elapsed());
        return { urn, id: name, properties: registration.properties };
      }
      const handler = await this.#handlerOf(registration);
      const decision = await this.#decideAndApply(handler, inputs, resource, registration.protect);
      const { action, changes, id, live, outputs } = decision;
      const { protect } = registration;
      this.registered.push({ urn, name, type, id, handler, protect, inputs: inputs.values, outputs, changes });
      this.changes.push({ urn, name, type, action, changes });
      this.#phases.left(urn, "converged");
      this.#finished(resource, { action, changes }, elapsed());
      const isReal = !this.#options.dryRun || action === "same";
      if (id !== undefined && live !== undefined && isReal) this.ledger.push(...(handler.ledger?.(id, live) ?? []));
      const properties = mergeOutputs(registration.properties, outputs, inputs.secret);
      return { urn, id: action === "create" && this.#options.dryRun ? "" : (id ?? ""), properties };
    } catch (error) {
      this.#phases.left(urn, "failed");
      const failure = { ...resource, ...this.#phases.of(urn), kind: "resource-failed", ms: elapsed() } as const;
      this.#options.emit({ ...failure, error: error as Error });
      throw error;
    }
  }

  #finished(resource: ResourceEvent, decision: { action: Action; changes: readonly Change[] }, ms: number): void {
    const { action, changes } = decision;
    const phase = this.#phases.of(resource.urn);
    this.#options.emit({ ...resource, ...phase, kind: "resource-finished", action, changes, ms });
  }

  async #handlerOf({ type, provider }: Registration): Promise<AnyHandler> {
    if (type.startsWith("kubernetes:")) return this.#options.providers.handler(provider);
    const handler = await this.#options.handlers(type);
    if (handler !== undefined) return handler;
    const { stack } = this.#options.context;
    throw new DayzeroError("HANDLER_MISSING", `no handler for "${type}" in \`dayzero up\``, {
      hint: `run \`pulumi up -s ${stack}\``,
    });
  }

  async #decideAndApply(
    handler: AnyHandler,
    inputs: Properties,
    resource: ResourceEvent,
    protect: boolean,
  ): Promise<Decision> {
    const { dryRun } = this.#options;
    const ctx = this.contextFor(resource);
    const parsed = handler.inputs.safeParse(inputs.values);
    if (inputs.unknown.length > 0)
      return this.#decideUnknown(handler, identityIfKnown(handler, parsed, inputs.values), inputs.unknown, ctx);
    if (!parsed.success) throw invalidInputs(parsed.error.issues);
    const desired = (protect && handler.protected?.(parsed.data)) || parsed.data;
    const id = handler.identify(desired);
    this.#claim(handler, id, resource.urn);
    const live = await readLive(handler, id, ctx, desired);
    const changes = handler.plan(live, desired);
    const action = actionOf(changes);
    if (action === "replace" && protect) throw protectedFromReplace(id, changes);
    const decision = { action, changes, id };
    if (action !== "same" && dryRun) {
      return { ...decision, live, outputs: handler.foresee?.(live, desired, changes) ?? {} };
    }
    if (action !== "same") this.#options.assertWritable();
    const found = action === "same" ? live : await handler.apply(changes, desired, ctx);
    return { ...decision, live: found, outputs: found === undefined ? {} : (handler.outputs?.(found) ?? found) };
  }

  /** Only in a plan: what will be done to a resource some of whose inputs another one has yet to provide. */
  async #decideUnknown(
    handler: AnyHandler,
    id: string | undefined,
    unknown: readonly string[],
    ctx: Context,
  ): Promise<Decision> {
    const live = id === undefined ? undefined : await readLive(handler, id, ctx);
    const action = live === undefined ? "create" : "update";
    const changes = unknown.map((path) => ({ action, path, after: "known after apply" }) as const);
    return { action, changes, id, live, outputs: {} };
  }

  /** Two resources with one identity would overwrite each other at every run. */
  #claim({ type }: AnyHandler, id: string, urn: string): void {
    const key = `${type} ${id}`;
    const other = this.#identities.get(key);
    if (other !== undefined) {
      throw new DayzeroError("IDENTITY_DUPLICATE", `"${id}" is managed by ${other} already`, {
        hint: "declare it once",
      });
    }
    this.#identities.set(key, urn);
  }
}

function actionOf(changes: readonly Change[]): Action {
  for (const action of ["replace", "create", "update"] as const) {
    if (changes.some((change) => change.action === action)) return action;
  }
  return "same";
}

/** Inputs as they came (secrets still wrapped), overlaid with what is live. What is in neither is unknown to a preview. */
function mergeOutputs(
  inputs: Record<string, unknown>,
  live: object,
  secret: ReadonlySet<string>,
): Record<string, unknown> {
  const known = Object.entries(live).filter(([key, value]) => value !== undefined && !secret.has(key));
  return { ...inputs, ...Object.fromEntries(known) };
}

/** Here nothing would keep them; under `pulumi up` the same program's inputs are kept. */
function refuseCredentials(values: unknown): void {
  const problems = credentialProblems(values).map(({ path, looksLike }) => `${path} looks like ${looksLike}`);
  if (problems.length === 0) return;
  const { why, hint } = CREDENTIAL_REFUSED;
  throw new DayzeroError("INPUTS_CREDENTIAL", `its inputs hold a credential: ${problems.join("; ")}; ${why}`, { hint });
}

/** In a plan too: there is nothing else that `up` could do. */
function protectedFromReplace(id: string, changes: readonly Change[]): DayzeroError {
  const paths = changes.filter(({ action }) => action === "replace").map(({ path, after }) => path || (after ?? "it"));
  return new DayzeroError("RESOURCE_PROTECTED", `"${id}" is protected, and must be replaced for ${paths.join(", ")}`, {
    hint: "take the change back, or declare it with `protect: false` first",
  });
}

function named(error: unknown, type: string, name: string): DayzeroError {
  const { message } = error as Error;
  const known = error instanceof DayzeroError ? error : undefined;
  const unanswered = error instanceof KubernetesError && error.status === 0;
  const hint = known?.hint ?? (unanswered ? "run `dayzero status`: it tells what does not answer" : undefined);
  return new DayzeroError(known?.code ?? "RESOURCE_FAILED", `cannot converge ${type} "${name}": ${message}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}
