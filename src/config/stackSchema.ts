import type { Problem } from "./Problem.ts";
import { checkShape, type Field, isRecord, type Shape, unknownKey } from "./Shape.ts";

const text = { kind: "text" } as const;
const requiredText = { kind: "text", required: true } as const;

export const PROGRAMS = ["local", "existing"] as const;
export type ProgramName = (typeof PROGRAMS)[number];

const sealing = {
  /** Public age keys (`age1…`) that the unseal shares are sealed to, one share each in turn. */
  recipients: { kind: "list", of: text },
  shares: { kind: "integer", min: 1, max: 255 },
  threshold: { kind: "integer", min: 1, max: 255 },
} as const;

const seal: Readonly<Record<string, Field>> = {
  /** Parameters of the seal's stanza (https://openbao.org/docs/configuration/seal/); the rules refuse credentials. */
  settings: { kind: "texts" },
  plugin: {
    kind: "mapping",
    fields: { image: requiredText, version: requiredText, binary: requiredText, sha256: requiredText },
  },
  environmentSecret: text,
  serviceAccountAnnotations: { kind: "texts" },
  podLabels: { kind: "texts" },
  egress: {
    kind: "list",
    of: {
      kind: "mapping",
      fields: { cidr: requiredText, port: { kind: "integer", min: 1, max: 65_535, required: true } },
    },
  },
};

const install: Shape = {
  kind: "mapping",
  fields: {
    namespace: text,
    image: text,
    replicas: { kind: "integer", min: 1, max: 7 },
    storage: text,
    storageClass: text,
    networks: { kind: "list", of: text },
    seal: {
      kind: "variants",
      by: "type",
      of: { shamir: {}, transit: seal, awskms: seal, gcpckms: seal, azurekeyvault: seal },
    },
  },
};

const login: Shape = {
  kind: "variants",
  by: "method",
  of: {
    jwt: { mount: text, role: requiredText, tokenFile: requiredText },
    kubernetes: { mount: text, role: requiredText, serviceAccount: requiredText },
    token: {},
  },
};

const COMMON = { "dayzero:program": { kind: "choice", of: PROGRAMS }, "dayzero:state": text } as const;
const repository = { name: text, source: text, branch: text, path: text } as const;

/** The `dayzero:*` keys of each program. */
const KEYS: Readonly<Record<ProgramName, Readonly<Record<string, Shape>>>> = {
  local: {
    ...COMMON,
    "dayzero:repository": { kind: "mapping", fields: repository },
    "dayzero:vault": { kind: "mapping", fields: sealing },
  },
  existing: {
    ...COMMON,
    "dayzero:cluster": { kind: "mapping", fields: { kubeconfig: requiredText, context: text } },
    "dayzero:vault": { kind: "mapping", fields: { address: text, ca: text, login, install, ...sealing } },
    "dayzero:repository": { kind: "mapping", fields: { ...repository, ca: text } },
    "dayzero:gitops": {
      kind: "mapping",
      fields: { variant: { kind: "choice", of: ["core", "ha"] }, agentImage: text, adopt: text },
    },
  },
};

export interface GitOpsFile {
  readonly variant?: "core" | "ha";
  readonly agentImage?: string;
  readonly adopt?: string;
}

interface RepositoryFile {
  readonly name?: string;
  readonly source?: string;
  readonly branch?: string;
  readonly path?: string;
  readonly ca?: string;
}

interface SealingFile {
  readonly recipients?: readonly string[];
  readonly shares?: number;
  readonly threshold?: number;
}

export type LoginFile =
  | { readonly method: "jwt"; readonly mount?: string; readonly role: string; readonly tokenFile: string }
  | { readonly method: "kubernetes"; readonly mount?: string; readonly role: string; readonly serviceAccount: string }
  | { readonly method: "token" };

export type SealType = "transit" | "awskms" | "gcpckms" | "azurekeyvault";

export interface VaultFile extends SealingFile {
  readonly address?: string;
  readonly ca?: string;
  readonly login?: LoginFile;
  readonly install?: {
    readonly namespace?: string;
    readonly image?: string;
    readonly replicas?: number;
    readonly storage?: string;
    readonly storageClass?: string;
    readonly networks?: readonly string[];
    readonly seal?:
      | { readonly type: "shamir" }
      | ({ readonly type: SealType; readonly settings?: Readonly<Record<string, string>> } & SealExtras & {
            readonly egress?: SealEgress;
          });
  };
}

export type SealEgress = readonly { readonly cidr: string; readonly port: number }[];

export interface SealExtras {
  /** For a seal that is not built into OpenBao. */
  readonly plugin?: {
    readonly image: string;
    readonly version: string;
    readonly binary: string;
    readonly sha256: string;
  };
  /** Name of a Secret in OpenBao's namespace, made by the person; each of its keys becomes an environment variable. */
  readonly environmentSecret?: string;
  readonly serviceAccountAnnotations?: Readonly<Record<string, string>>;
  readonly podLabels?: Readonly<Record<string, string>>;
}

/** What `Pulumi.<stack>.yaml` says of Dayzero, checked for its shape; a key that has another one is left out. */
export interface StackFile {
  readonly "dayzero:program"?: ProgramName;
  readonly "dayzero:state"?: string;
  readonly "dayzero:cluster"?: { readonly kubeconfig: string; readonly context?: string };
  readonly "dayzero:repository"?: RepositoryFile;
  readonly "dayzero:vault"?: VaultFile;
  readonly "dayzero:gitops"?: GitOpsFile;
}

/** Keys that the Pulumi CLI keeps in the same file; they say nothing to Dayzero. */
const PULUMI_KEYS = ["config", "environment", "encryptionsalt", "encryptedkey", "secretsprovider"] as const;

export interface ParsedStackFile {
  readonly values: StackFile;
  /** Config of other packages (`aws:region`), as Pulumi hands it to a program. */
  readonly foreign: Readonly<Record<string, string>>;
  readonly problems: readonly Problem[];
}

/** Reads the parsed YAML of a stack file; never throws, every problem is in the result. */
export function parseStackFile(file: unknown): ParsedStackFile {
  if (file === undefined || file === null) return { values: {}, foreign: {}, problems: [] };
  if (!isRecord(file)) return failed({ path: "(file)", message: "expected a mapping", seen: file });
  const problems: Problem[] = [];
  for (const key of Object.keys(file)) {
    if (!(PULUMI_KEYS as readonly string[]).includes(key)) problems.push(unknownKey("", key, PULUMI_KEYS));
  }
  const config = file.config ?? {};
  if (!isRecord(config)) return failed(...problems, { path: "config", message: "expected a mapping", seen: config });

  const keys = KEYS[config["dayzero:program"] === "existing" ? "existing" : "local"];
  const values: Record<string, unknown> = {};
  const foreign: Record<string, string> = {};
  for (const [key, value] of Object.entries(config)) {
    const path = `config.${key}`;
    const shape = Object.hasOwn(keys, key) ? keys[key] : undefined;
    if (shape !== undefined) {
      if (checkShape(shape, value, path, problems)) values[key] = value;
    } else if (key.startsWith("dayzero:")) {
      problems.push(ofAnotherProgram(key) ?? unknownKey("config.", key, Object.keys(keys)));
    } else if (/^[A-Za-z][\w-]*:[\w.-]+$/.test(key)) {
      const text = configText(value);
      if (text === undefined) problems.push({ path, message: "expected what JSON can hold", seen: value });
      else foreign[key] = text;
    } else {
      problems.push(unknownKey("config.", key, Object.keys(keys)));
    }
  }
  return { values, foreign, problems };
}

/** The file that this configuration of a run, as Pulumi hands it over, came from. */
export function fromPulumiConfig(config: Readonly<Record<string, string>>): { config: Record<string, unknown> } {
  const entries = Object.entries(config).map(([key, value]): [string, unknown] => {
    const shape = Object.hasOwn(KEYS.existing, key) ? KEYS.existing[key] : undefined;
    if (shape?.kind !== "mapping" && shape?.kind !== "variants") return [key, value];
    try {
      return [key, JSON.parse(value) as unknown];
    } catch {
      return [key, value];
    }
  });
  return { config: Object.fromEntries(entries) };
}

function ofAnotherProgram(key: string): Problem | undefined {
  if (!Object.hasOwn(KEYS.existing, key)) return undefined;
  return { path: `config.${key}`, message: "is for stacks with dayzero:program: existing" };
}

/** Config is text to Pulumi: strings as they are, the rest as JSON. Undefined for what JSON cannot hold, such as YAML's cyclic aliases. */
function configText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

function failed(...problems: Problem[]): ParsedStackFile {
  return { values: {}, foreign: {}, problems };
}
