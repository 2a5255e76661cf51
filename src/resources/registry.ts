import type { Resource } from "./Resource.ts";

// biome-ignore lint/suspicious/noExplicitAny: implementations of all kinds in one table
type Implementation = Resource<any, any>;

/** Every type that Dayzero implements, in the order in which a stack makes them; each is loaded when it is first needed. */
const IMPLEMENTATIONS: Readonly<Record<string, () => Promise<Implementation>>> = {
  "dayzero:local:Ports": async () => (await import("./local/PortsResource.ts")).portsResource,
  "dayzero:local:Authority": async () => (await import("./local/AuthorityResource.ts")).authorityResource,
  "dayzero:local:File": async () => (await import("./local/FileResource.ts")).fileResource,
  "dayzero:local:SecretFile": async () => (await import("./local/SecretFileResource.ts")).secretFileResource,
  "dayzero:local:DataFolder": async () => (await import("./local/DataFolderResource.ts")).dataFolderResource,
  "dayzero:vault:Storage": async () => (await import("./vault/StorageResource.ts")).storageResource,
  "dayzero:local:Process": async () => (await import("./local/ProcessResource.ts")).processResource,
  "dayzero:cluster:Generation": async () => (await import("./cluster/GenerationResource.ts")).generationResource,
  "dayzero:kubernetes:Object": async () => (await import("./kubernetes/ObjectResource.ts")).objectResource,
  "dayzero:cluster:Definitions": async () => (await import("./cluster/DefinitionsResource.ts")).definitionsResource,
  "dayzero:vault:ServerCertificate": async () =>
    (await import("./vault/ServerCertificateResource.ts")).serverCertificateResource,
  "dayzero:vault:Initialization": async () =>
    (await import("./vault/InitializationResource.ts")).initializationResource,
  "dayzero:vault:Policy": async () => (await import("./vault/PolicyResource.ts")).policyResource,
  "dayzero:vault:JwtAuth": async () => (await import("./vault/JwtAuthResource.ts")).jwtAuthResource,
  "dayzero:vault:JwtRole": async () => (await import("./vault/JwtRoleResource.ts")).jwtRoleResource,
  "dayzero:vault:OidcIssuer": async () => (await import("./vault/OidcIssuerResource.ts")).oidcIssuerResource,
  "dayzero:vault:OidcKey": async () => (await import("./vault/OidcKeyResource.ts")).oidcKeyResource,
  "dayzero:vault:OidcRole": async () => (await import("./vault/OidcRoleResource.ts")).oidcRoleResource,
  "dayzero:vault:RootToken": async () => (await import("./vault/RootTokenResource.ts")).rootTokenResource,
  "dayzero:git:Repository": async () => (await import("./git/RepositoryResource.ts")).repositoryResource,
  "dayzero:gitops:Installation": async () => (await import("./gitops/InstallationResource.ts")).installationResource,
  "dayzero:gitops:RepositoryCredential": async () =>
    (await import("./gitops/RepositoryCredentialResource.ts")).repositoryCredentialResource,
  "dayzero:gitops:Handover": async () => (await import("./gitops/HandoverResource.ts")).handoverResource,
};

export const resourceTypes: readonly string[] = Object.keys(IMPLEMENTATIONS);

/** The implementation of a type; `undefined` for a type that is none of Dayzero's. */
export async function loadResource(type: string): Promise<Implementation | undefined> {
  return Object.hasOwn(IMPLEMENTATIONS, type) ? IMPLEMENTATIONS[type]?.() : undefined;
}
