import { DayzeroError } from "../../config/DayzeroError.ts";
import type { RepositoryChoice } from "../../config/StackSpec.ts";
import type { Context } from "../../resources/Resource.ts";
import { type LeasedCluster, leased } from "../LeasedCluster.ts";
import type { OpenStack, StackAccess } from "./StackAccess.ts";

interface Operation {
  readonly narrate: (message: string) => void;
  /** Seconds that the engine is prepared to wait; 0: for ever. */
  readonly timeout: number;
}

/** As long as another run may reasonably take. The engine waits for ever, unless the program says otherwise. */
const LOCK_PATIENCE_MS = 15 * 60_000;

/**
 * The one stack that a plugin serves, opened when it is first asked about.
 *
 * The first operation that writes takes the stack: its lock on this machine and its Lease, where others share the stack's systems at
 * once, else with the first use of the cluster. Both are given back by `close`.
 */
export class StackSession {
  readonly #access: StackAccess;
  readonly #leased: LeasedCluster;
  readonly #lost: AbortController;
  #lock: Promise<{ release(): Promise<void> }> | undefined;
  #isRefused = false;
  #tools: Promise<void> | undefined;
  #hasTools = false;

  private constructor(access: StackAccess, lost: AbortController) {
    this.#access = access;
    this.#lost = lost;
    this.#leased = leased(access.context, { onLost: (error) => lost.abort(error) });
  }

  static async open(open: OpenStack, request: Parameters<OpenStack>[0]): Promise<StackSession> {
    const lost = new AbortController();
    const signal = AbortSignal.any([request.signal, lost.signal]);
    return new StackSession(await open({ ...request, signal }), lost);
  }

  get remembered(): RepositoryChoice {
    return this.#access.remembered;
  }

  /** Runs what changes nothing, as `dayzero plan` does. */
  reading<Result>(operation: Operation, work: (ctx: Context) => Promise<Result>): Promise<Result> {
    return this.#run({ ...this.#access.context, dryRun: true }, operation, work);
  }

  /** Runs what may write. Waits for another run that holds the stack, and rejects with STACK_BUSY when that does not end. */
  async writing<Result>(operation: Operation, work: (ctx: Context) => Promise<Result>): Promise<Result> {
    this.#lost.signal.throwIfAborted();
    await this.#hold(operation);
    if (this.#access.shared) await this.#leased.context.kubernetes();
    this.#leased.assertHeld();
    return this.#run(this.#leased.context, operation, work);
  }

  /** Each operation would fail for the same reason: the first one tells it, and none of them waits again. */
  async #hold({ narrate, timeout }: Operation): Promise<void> {
    const patienceMs = timeout > 0 ? timeout * 1000 : LOCK_PATIENCE_MS;
    this.#lock ??= this.#access.hold({ narrate, patienceMs });
    try {
      await this.#lock;
    } catch (error) {
      this.#access.context.signal.throwIfAborted();
      if (!this.#isRefused) {
        this.#isRefused = true;
        throw error;
      }
      throw new DayzeroError("STACK_NOT_HELD", "nothing was done: the stack could not be taken", {
        hint: "the first error of this run says why: once its cause is gone, run `pulumi up` again",
      });
    }
  }

  /** Lets the next run begin. Never rejects. */
  async close(): Promise<void> {
    await this.#leased.release();
    const lock = await this.#lock?.catch(() => undefined);
    await lock?.release().catch(() => undefined);
    await this.#access.close();
  }

  /**
   * Tools are provided for the first operation that asks for one, which is then run again from its start: the contract allows that, and
   * a stack whose resources need none never waits for any.
   */
  async #run<Result>(
    base: Context,
    { narrate, timeout }: Operation,
    work: (ctx: Context) => Promise<Result>,
  ): Promise<Result> {
    const signal = timeout > 0 ? AbortSignal.any([base.signal, AbortSignal.timeout(timeout * 1000)]) : base.signal;
    for (;;) {
      let wanted = "";
      const tool = (name: string): readonly string[] => {
        if (name === "dayzero" || this.#hasTools) return base.tool(name);
        wanted = name;
        throw new Error(`the pinned tools are not there yet, "${name}" is needed`);
      };
      try {
        const result = await work({ ...base, signal, narrate, tool });
        if (wanted === "") return result;
      } catch (error) {
        if (wanted === "") throw error;
      }
      await this.#provide(narrate);
    }
  }

  async #provide(narrate: (message: string) => void): Promise<void> {
    this.#tools ??= this.#access.provideTools(narrate).catch((error: unknown) => {
      this.#tools = undefined;
      throw error;
    });
    await this.#tools;
    this.#hasTools = true;
  }
}
