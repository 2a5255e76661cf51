#!/usr/bin/env -S sh -c 'ulimit -c 0; exec node --max-semi-space-size=4 "$0" "$@"'
// Plain JavaScript, read by any Node: turns on the compile cache, and goes on in the pinned Node where this one cannot strip types.
// The first line: no core dump of what may hold a credential, here and in whatever is started from here (setrlimit(2), which Node lacks); the
// shell costs a millisecond. Its flag bounds what V8 lets garbage grow to between collections: a quarter less memory for `up`, at no cost in
// time that shows.
import { spawn } from "node:child_process";
import module from "node:module";
import { userInfo } from "node:os";
import { dirname, isAbsolute, join } from "node:path";

/**
 * The pinned Node of this platform, which only a checkout has: see build/node.
 *
 * @returns {string | undefined}
 */
function pinnedNode() {
  const require = module.createRequire(import.meta.url);
  try {
    return join(dirname(require.resolve(`node-${process.platform}-${process.arch}/package.json`)), "bin", "node");
  } catch {
    return undefined;
  }
}

/**
 * Where compiled modules are kept, as `cacheDirectory()` of Run.ts finds it: code is loaded from there, so never a relative path.
 *
 * @returns {string | undefined}
 */
function compileCache() {
  const { XDG_CACHE_HOME = "", HOME = "" } = process.env;
  if (isAbsolute(XDG_CACHE_HOME)) return join(XDG_CACHE_HOME, "dayzero", "compile");
  try {
    return join(isAbsolute(HOME) ? HOME : userInfo().homedir, ".cache", "dayzero", "compile");
  } catch {
    return undefined;
  }
}

/**
 * Goes on in another Node, as if it were this process: same streams, same signals, same end.
 *
 * @param {string} node
 */
function continueIn(node) {
  const child = spawn(node, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
  });
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]))
    process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(`error: cannot start ${node}: ${error.message} [NODE_UNSUITABLE]\n`);
    process.stderr.write("hint: run npm ci, which brings the pinned Node\n");
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

if (process.features.typescript) {
  // Node has turned it on by itself where NODE_COMPILE_CACHE says so, as for the stack's own processes: their HOME stays empty.
  const cache = process.env.NODE_COMPILE_CACHE ? undefined : compileCache();
  if (cache !== undefined) module.enableCompileCache?.(cache);
  if (process.channel) {
    // Started by continueIn(): when that process is killed, this one dies with it.
    process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
    process.channel.unref();
  }
  const { main } = await import("./main.ts").catch((/** @type {Error} */ error) => {
    process.stderr.write(
      `error: cannot load Dayzero's own code: ${error.message.split("\n")[0]} [INSTALLATION_BROKEN]\n`,
    );
    process.stderr.write("hint: run npm ci in the checkout, or install the package again\n");
    process.exit(1);
  });
  await main(process.argv);
} else {
  const node = pinnedNode();
  if (node === undefined) {
    process.stderr.write(`error: Node ${process.version} cannot run TypeScript programs [NODE_UNSUITABLE]\n`);
    process.stderr.write("hint: use Node 22.19 or later; in a checkout, npm ci without --omit=optional brings one\n");
    process.exit(1);
  }
  continueIn(node);
}
