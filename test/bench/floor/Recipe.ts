/**
 * What a finished stack is made of. Nothing in it is secret: what is drawn anew for each stack, or differs from one to the next, stands
 * as a placeholder in its texts (`{directory}`, `{port.vault}`, `{generation}`), which {@link fill} fills in.
 */
export interface Recipe {
  readonly git: string;
  /** Names of the ports that are chosen. */
  readonly ports: readonly string[];
  readonly certificates: readonly RecordedCertificate[];
  /** Path below the stack's folder -> content. */
  readonly files: Readonly<Record<string, string>>;
  readonly servers: Readonly<Record<string, RecordedServer>>;
  readonly definitions: readonly RecordedObject[];
  readonly objects: readonly RecordedObject[];
  /** Writes to Vault; those of one group do not need each other. */
  readonly vault: { readonly shares: number; readonly threshold: number; readonly writes: readonly VaultWrite[][] };
  readonly repository: {
    readonly name: string;
    /** The bare repository of the finished stack. */
    readonly source: string;
    readonly revision: string;
    readonly url: string;
    /** Vault's OIDC role, and the JWT mount and role of who may ask for its token. */
    readonly oidcRole: string;
    readonly mount: string;
    readonly role: string;
    readonly reader: { readonly namespace: string; readonly name: string };
  };
}

export interface RecordedCertificate {
  readonly authority: string;
  readonly name: string;
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  /** OIDs of its extended key usages. */
  readonly usages: readonly string[];
}

export interface RecordedServer {
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Variable -> file of the stack whose content is its value. */
  readonly secretEnvironment: Readonly<Record<string, string>>;
  /** Command that it finds first on its PATH -> program. */
  readonly links: Readonly<Record<string, string>>;
  /** Path below `run/files/<name>` -> file of the stack. */
  readonly files: Readonly<Record<string, string>>;
  readonly argv0?: string | undefined;
}

/** Of Kubernetes: its path at the API server, and what is applied there. */
export interface RecordedObject {
  readonly path: string;
  readonly body: { readonly kind: string; readonly apiVersion: string; readonly [key: string]: unknown };
}

export interface VaultWrite {
  readonly path: string;
  readonly body: object;
}

/** Fills the placeholders of all texts in a value; what no value is known for stays as it is. */
export function fill<T>(value: T, values: ReadonlyMap<string, string>): T {
  const text = (template: string) => template.replace(/\{([a-z][a-z.-]*)\}/g, (all, name) => values.get(name) ?? all);
  if (typeof value === "string") return text(value) as T;
  return JSON.parse(JSON.stringify(value), (_key, inner) => (typeof inner === "string" ? text(inner) : inner)) as T;
}
