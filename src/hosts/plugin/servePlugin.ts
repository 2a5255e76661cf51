import { setTimeout as delay } from "node:timers/promises";
import { loadResource } from "../../resources/registry.ts";
import { EngineLog } from "./EngineLog.ts";
import { ProviderServer } from "./ProviderServer.ts";
import { ResourceProvider } from "./ResourceProvider.ts";
import type { OpenStack } from "./StackAccess.ts";

export interface PluginOptions {
  /** Where the engine listens; undefined for a plugin that engines attach to. */
  readonly engine: string | undefined;
  readonly version: string;
  readonly openStack: OpenStack;
  /** Called with the port, which is all that a plugin says on its standard output. */
  readonly onListening: (port: number) => void;
  readonly signal: AbortSignal;
}

/** The engine gives a plugin five seconds to end; the Lease has to be given back in that time. */
const PATIENCE_MS = 3_000;
/** For the last words: an engine that does not listen any more must not keep the plugin. */
const LAST_WORDS_MS = 500;

/** Serves a Pulumi engine until it is gone, or the signal is aborted: then breaks off what is under way and gives the stack back. */
export async function servePlugin({ engine, version, openStack, onListening, signal }: PluginOptions): Promise<void> {
  const gone = new AbortController();
  const log = new EngineLog((error) => gone.abort(error));
  const provider = new ResourceProvider({
    openStack,
    load: loadResource,
    log: (severity, message, about) => log.tell(severity, message, about),
  });
  const server = await ProviderServer.listen({ provider, version, onEngine: (address) => log.attach(address) });
  if (engine !== undefined) log.attach(engine);
  onListening(server.port);
  const end = AbortSignal.any([signal, gone.signal]);
  if (!end.aborted) await new Promise((resolve) => end.addEventListener("abort", resolve, { once: true }));
  provider.cancel(end.reason as Error);
  await server.close(PATIENCE_MS);
  await provider.close();
  await Promise.race([log.flush(), delay(LAST_WORDS_MS, undefined, { ref: false })]);
  log.close();
}
