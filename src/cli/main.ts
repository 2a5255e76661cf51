import { fileURLToPath } from "node:url";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { DayzeroError } from "../config/DayzeroError.ts";
import { AGENT_PATHS } from "../manifests/agent/agentPaths.ts";
import type { AgentCommandOptions } from "./commands/agent.ts";
import type { ManifestsOptions } from "./commands/manifests.ts";
import { EXIT, EXIT_CODES_HELP, type ExitCode, Interrupted } from "./exitCodes.ts";
import type { ProgramName } from "./init/projectFiles.ts";
import type { Outcome, Run } from "./Run.ts";

const INIT_HELP = `
A new project gets package.json, Pulumi.yaml, index.ts, a stack's file in stacks/ and .gitignore. Of a Pulumi project
that is there, only what is missing is added: the dependencies, the provider's entry in Pulumi.yaml, lines of .gitignore
and, with --program or --stack, a stack's file. Nothing that is there is replaced; run again, it changes nothing.`;

/** Under another Node one Ctrl-C arrives twice: from the terminal, and from dayzero.js, which passes signals on. */
const ECHO_MS = 200;

interface OutputOptions {
  readonly json?: boolean;
  readonly debug?: boolean;
  /** False with --no-color. */
  readonly color: boolean;
  /** Whoever waits for the end knows of the interruption. */
  readonly quiet?: boolean;
}

type Action<Options> = (run: Run, stack: string, options: Options) => Promise<Outcome>;

/** The command line. Reads `process`, runs one command, prints its outcome and exits: nothing else does any of these. */
export async function main(argv: readonly string[]): Promise<void> {
  let exitCode: ExitCode = EXIT.ok;
  endOnUncaught(argv);
  // Who reads may leave (`| head`): that costs the narration, never the run.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);

  const perform = async (output: OutputOptions, work: (run: Run) => Promise<Outcome>) => {
    exitCode = await performCommand(output, work);
  };
  const command = <Options>(name: string, description: string, load: () => Promise<Action<Options & OutputOptions>>) =>
    outputOptions(program.command(`${name} [stack]`).description(description))
      .addOption(
        new Option("--state <dir>", "folder of the stacks' state (default: .dayzero beside Pulumi.yaml)").argParser(
          noOption,
        ),
      )
      .action((stack: string | undefined, options: Options & OutputOptions) =>
        perform(options, async (run) => (await load())(run, stack ?? "local", options)),
      );

  const program = new Command("dayzero")
    .description("From nothing to GitOps, with no secret made by hand.")
    .option("--version", "print the version")
    .addHelpText("after", EXIT_CODES_HELP)
    .exitOverride()
    .configureOutput({ outputError: () => undefined });

  stackOptions(
    command(
      "up",
      "converge the stack, from nothing or from whatever exists now",
      async () => (await import("./commands/up.ts")).up,
    ),
  );
  stackOptions(
    command("plan", "show every change that up would make", async () => (await import("./commands/plan.ts")).plan),
  );
  command(
    "status",
    "show processes, controller, revision and credentials",
    async () => (await import("./commands/status.ts")).status,
  );
  sourceOptions(
    command("doctor", "check what up needs, before it", async () => (await import("./commands/doctor.ts")).doctor),
  );
  command(
    "audit",
    "prove that no long-lived secret is left, and that the trust is as declared",
    async () => (await import("./commands/audit.ts")).audit,
  )
    .addOption(new Option("--sarif <file>", "write the result as SARIF 2.1.0 too").argParser(noOption))
    .option("--identity <file>", "age identity, to look for the shares of Vault that it opens", noOption)
    .option("--canary <file>", "values that you planted, one a line, to look for besides", noOption)
    .option("--pulumi-state <file>", "what `pulumi stack export` wrote, where it cannot be asked", noOption);
  command("down", "remove what the stack made, and nothing else", async () => (await import("./commands/down.ts")).down)
    .option("--yes", "do not ask")
    .option("--delete-repository", "remove the repository even when it holds commits of your own");
  outputOptions(program.command("tools").description("find, download or build the pinned tools"))
    .addOption(mirrorOption())
    .option("--sbom", "print all that is pinned, its makers and digests, as CycloneDX 1.6; fetches nothing")
    .action((options: OutputOptions & { mirror?: string; sbom?: boolean }) =>
      perform(options, async (run) => (await import("./commands/tools.ts")).tools(run, options)),
    );

  outputOptions(
    program
      .command("explain [code]")
      .description("say what an error code means and what to do; all of them without one"),
  ).action((code: string | undefined, options: OutputOptions) =>
    perform(options, async (run) => (await import("./commands/explain.ts")).explain(run, code)),
  );

  outputOptions(
    program.command("init [folder]").description("make a Pulumi project that uses Dayzero, or complete one"),
  )
    .addOption(new Option("--program <name>", "what the stack is").choices(["local", "existing"]))
    .option("--stack <name>", "name of the stack (default: its program's)", noOption)
    .addHelpText("after", INIT_HELP)
    .action((folder: string | undefined, options: OutputOptions & { program?: ProgramName; stack?: string }) =>
      perform(options, async (run) => (await import("./commands/init.ts")).init(run, folder, options)),
    );

  manifestsCommands(program, perform);
  outputOptions(
    program.command("agent").description("renew the Git credential from inside a cluster, until it is stopped"),
  )
    .option("--config <file>", "what to renew, as JSON", AGENT_PATHS.configuration)
    .option("--identity <dir>", "folder with the pod's projected tokens", AGENT_PATHS.identity)
    .option("--heartbeat <file>", "file that tells probes how it stands", AGENT_PATHS.heartbeat)
    .option("--once", "renew what is due, then end (for a CronJob)")
    .addOption(
      new Option("--check <question>", "ask the agent that runs, then end (for probes)").choices(["alive", "ready"]),
    )
    .action((options: OutputOptions & AgentCommandOptions) =>
      perform(options, async (run) => (await import("./commands/agent.ts")).agent(run, options)),
    );

  outputOptions(program.command("serve <part>", { hidden: true }))
    .option("--directory <dir>", "state folder of the stack", ".")
    .action((part: string, options: OutputOptions & { directory: string }) =>
      perform(options, async (run) => (await import("./commands/serve.ts")).serve(run, part, options.directory)),
    );
  outputOptions(program.command("restart <process>", { hidden: true }))
    .option("--directory <dir>", "state folder of the stack", ".")
    .action((process: string, options: OutputOptions & { directory: string }) =>
      perform(options, async (run) => (await import("./commands/restart.ts")).restart(run, process, options.directory)),
    );
  // Its standard output is the protocol's, and all that it tells goes to the engine that started it.
  program
    .command("provider [engine]", { hidden: true })
    .action((engine: string | undefined) =>
      perform({ color: false, quiet: true }, async (run) =>
        (await import("./commands/provider.ts")).provider(run, engine),
      ),
    );
  outputOptions(program.command("credential <kind> [subject]", { hidden: true }))
    .option("--directory <dir>", "state folder of the stack", ".")
    .action((kind: string, subject: string | undefined, options: OutputOptions & { directory: string }) =>
      perform({ ...options, json: false }, async (run) =>
        (await import("./commands/credential.ts")).credential(run, kind, subject, options.directory),
      ),
    );

  try {
    for (const one of program.commands) one.exitOverride().configureOutput({ outputError: () => undefined });
    if (argv.length <= 2) program.outputHelp();
    else if (argv[2] === "--version") {
      const { packageVersion } = await import("./packageVersion.ts");
      await print(`${await packageVersion()}\n`);
    } else await program.parseAsync(argv);
  } catch (error) {
    exitCode = await reportUsage(argv, program, error);
  }
  process.exit(exitCode);
}

/** `dayzero manifests <what> [stack]` */
function manifestsCommands(
  program: Command,
  perform: (output: OutputOptions, work: (run: Run) => Promise<Outcome>) => Promise<void>,
): void {
  const manifests = program.command("manifests").description("print Kubernetes objects, to be committed or applied");
  manifests.addHelpText("after", MANIFESTS_HELP).action(() => manifests.outputHelp());
  const kind = (name: "agent" | "argocd" | "openbao", description: string) =>
    outputOptions(manifests.command(`${name} [stack]`).description(description))
      .exitOverride()
      .configureOutput({ outputError: () => undefined })
      .action((stack: string | undefined, options: OutputOptions & ManifestsOptions) =>
        perform(options, async (run) =>
          (await import("./commands/manifests.ts")).manifests(run, name, stack ?? "local", options),
        ),
      );
  kind("agent", "the process that renews the Git credential in the cluster")
    .option("--image <image>", "image of Dayzero, with its digest (default: the stack's agentImage)", noOption)
    .option("--cron <schedule>", 'a CronJob instead of a Deployment: "*/2 * * * *"', noOption)
    .option("--generation <uid>", "UID of namespace kube-system, instead of asking the cluster", noOption)
    .addHelpText("after", AGENT_HELP);
  kind("argocd", "Argo CD as the stack installs it").addHelpText("after", ARGOCD_HELP);
  kind("openbao", "OpenBao as the stack installs it, without its certificate").addHelpText("after", OPENBAO_HELP);
}

const MANIFESTS_HELP = `
Vault's policies are no Kubernetes objects: they are files, in bootstrap/vault of the checkout or of node_modules/dayzero
(see docs/existing-cluster.md there).`;

const AGENT_HELP = `
Nothing of it is secret. The agent may read and replace one Secret, and nothing else. Its image is built from the
Containerfile, in a checkout.
A schedule has to run it at least every third of the credential's life, which is ten minutes.

Example:
  dayzero manifests agent prod --image registry.example.com/dayzero@sha256:... > agent.yaml`;

const ARGOCD_HELP = `
For the repository, so that Argo CD manages itself from Git: commit it, and an Application for its folder with
destination namespace argocd and sync option ServerSideApply=true (its definitions are too large otherwise). From the first sync on,
dayzero up only looks whether it runs; upgrades are commits.

Example:
  dayzero manifests argocd prod > argocd/install.yaml`;

const OPENBAO_HELP = `
The certificate (Secret openbao-tls) is not printed, because its key would be: dayzero up makes it in the cluster.
With seal shamir each pod has to be unsealed by hand after each restart, so it takes one replica;
a seal that opens by itself (transit, awskms, gcpckms, azurekeyvault) takes three.`;

function outputOptions(command: Command): Command {
  return command
    .option("--json", "print the result as JSON")
    .option("--debug", "print stack traces of errors")
    .option("--no-color", "print no colours");
}

function stackOptions(command: Command): Command {
  return sourceOptions(command).option("--identity <file>", "age identity that opens the sealed Vault", noOption);
}

function sourceOptions(command: Command): Command {
  return command
    .option("--repo <path|url>", "your own repository (remembered); without it a scaffold is made", noOption)
    .option("--branch <name>", "branch to reconcile", noOption)
    .option("--path <folder>", "folder of the repository to reconcile", noOption)
    .addOption(mirrorOption());
}

function mirrorOption(): Option {
  return new Option("--mirror <folder|url>", "where to fetch tools from instead of their publishers").argParser(
    noOption,
  );
}

/** Commander takes whatever follows for an option's value: `--repo --json` would make a path of `--json`. */
function noOption(value: string): string {
  if (!value.startsWith("-")) return value;
  throw new InvalidArgumentError("A value is missing; for a name that begins with a dash, write ./ before it.");
}

async function performCommand(output: OutputOptions, work: (run: Run) => Promise<Outcome>): Promise<ExitCode> {
  const { createNarrator, createPaint } = await import("./narrator/createNarrator.ts");
  const environment = Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const json = output.json === true;
  const colored = output.color && !environment.NO_COLOR && environment.TERM !== "dumb";
  const color = colored && process.stderr.isTTY === true;
  // A terminal that does not know its width says 0.
  const columns = process.stdout.isTTY === true ? process.stdout.columns || 80 : undefined;
  const live = process.stderr.isTTY === true && !json && environment.TERM !== "dumb";
  const narrator = await createNarrator({ stderr: process.stderr, live, color });
  const interruption = interruptible((message) => output.quiet || narrator.tell({ kind: "note", message }));
  try {
    const { exitCode, ...result } = await work({
      environment,
      workingDirectory: process.cwd(),
      program: [process.execPath, fileURLToPath(new URL("dayzero.js", import.meta.url))],
      packageDirectory: fileURLToPath(new URL("../../", import.meta.url)),
      narrator,
      paint: createPaint(colored && columns !== undefined),
      columns,
      signal: interruption,
      ...(process.stdin.isTTY && process.stderr.isTTY && !json
        ? askOn(interruption)
        : { confirm: undefined, askSecret: undefined }),
    });
    narrator.close();
    return (await print(json ? `${JSON.stringify(result.json)}\n` : result.text)) ? exitCode : EXIT.failed;
  } catch (caught) {
    // Whatever broke because of the interruption is not the news.
    const error = interruption.aborted ? interruption.reason : caught;
    const { reportFailure } = await import("./reportFailure.ts");
    narrator.close();
    return reportFailure(error, { debug: output.debug === true, json, paint: createPaint(color) }, process);
  }
}

/** Resolves once a result is handed over: false when nobody is there to read it any more. */
function print(result: string): Promise<boolean> {
  return new Promise((resolve) => process.stdout.write(result, (error) => resolve(!error)));
}

/** The first signal asks the run to end cleanly, a later one ends it. */
function interruptible(note: (message: string) => void): AbortSignal {
  const controller = new AbortController();
  let since = 0;
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (!controller.signal.aborted) {
        since = performance.now();
        note("stopping; once more to stop at once");
        controller.abort(new Interrupted(name));
      } else if (performance.now() - since > ECHO_MS) {
        process.exit(EXIT.interrupted);
      }
    });
  }
  return controller.signal;
}

/** The person at the terminal. */
function askOn(signal: AbortSignal): Pick<Run, "confirm" | "askSecret"> {
  const load = async () => (await import("./Terminal.ts")).Terminal;
  const streams = { input: process.stdin, output: process.stderr, signal };
  return {
    confirm: async (question) => new (await load())(streams).confirm(question),
    askSecret: async (question) => new (await load())(streams).askSecret(question),
  };
}

/** `dayzero manifests agent`, of the words that it was called with. */
function calledCommand(program: Command, [word, ...rest]: readonly string[]): string {
  const called = program.commands.find((command) => command.name() === word);
  return called === undefined ? program.name() : `${program.name()} ${calledCommand(called, rest)}`;
}

/** Help and version are no errors to Commander's caller; the rest is the person's to correct. */
async function reportUsage(argv: readonly string[], program: Command, error: unknown): Promise<ExitCode> {
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
  const known = error instanceof CommanderError;
  const usage = known
    ? new DayzeroError("USAGE", error.message.replace(/^error: /, "").replaceAll("\n", " "), {
        hint: `see ${calledCommand(program, argv.slice(2))} --help`,
      })
    : error;
  return reportPlainly(argv, usage);
}

/** What nobody waited for ends the process as any failure does, and at once: what it still holds is not known. */
function endOnUncaught(argv: readonly string[]): void {
  let ending = false;
  const end = (error: unknown): void => {
    if (ending) return;
    ending = true;
    reportPlainly(argv, error).then(
      (exitCode) => process.exit(exitCode),
      () => process.exit(EXIT.failed),
    );
  };
  // Node raises a rejection that nobody handles as one of these.
  process.on("uncaughtException", end);
}

/** Where no command is running whose options and narrator are known. */
async function reportPlainly(argv: readonly string[], error: unknown): Promise<ExitCode> {
  const { reportFailure } = await import("./reportFailure.ts");
  const options = {
    debug: argv.includes("--debug"),
    json: argv.includes("--json"),
    paint: (_: string, text: string) => text,
  };
  return reportFailure(error, options, process);
}
