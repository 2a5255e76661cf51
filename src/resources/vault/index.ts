import type { Input, Output } from "@pulumi/pulumi/output.js";
import { CustomResource, type CustomResourceOptions } from "@pulumi/pulumi/resource.js";
import type { InitializationInputs } from "./InitializationResource.ts";
import type { JwtAuthInputs } from "./JwtAuthResource.ts";
import type { JwtRoleInputs } from "./JwtRoleResource.ts";
import type { OidcIssuerInputs } from "./OidcIssuerResource.ts";
import type { OidcKeyInputs } from "./OidcKeyResource.ts";
import type { OidcRoleInputs } from "./OidcRoleResource.ts";
import type { PolicySource } from "./PolicyResource.ts";
import type { RootTokenInputs } from "./RootTokenResource.ts";
import type { ServerCertificateInputs } from "./ServerCertificateResource.ts";

type Args<Inputs> = { [Name in keyof Inputs]: Input<Inputs[Name]> };

/** See `serverCertificateResource`. No input or output of it is a key. */
export class ServerCertificate extends CustomResource {
  /** PEM of the authority. */
  declare readonly ca: Output<string>;
  /** Another one after each renewal. */
  declare readonly digest: Output<string>;
  /** RFC 3339. */
  declare readonly expiresAt: Output<string>;

  constructor(name: string, args: Args<ServerCertificateInputs>, options?: CustomResourceOptions) {
    const found = { ca: undefined, digest: undefined, expiresAt: undefined };
    super("dayzero:vault:ServerCertificate", name, { ...args, ...found }, options);
  }
}

/** See `storageResource`. */
export class Storage extends CustomResource {
  declare readonly path: Output<string>;

  constructor(name: string, options?: CustomResourceOptions) {
    super("dayzero:vault:Storage", name, { path: undefined, state: undefined }, options);
  }
}

/** See `initializationResource`. */
export class Initialization extends CustomResource {
  declare readonly address: Output<string>;
  declare readonly initialized: Output<boolean>;

  constructor(name: string, args: Args<InitializationInputs>, options?: CustomResourceOptions) {
    super("dayzero:vault:Initialization", name, { ...args, initialized: undefined }, options);
  }
}

/** See `policyResource`. */
export class Policy extends CustomResource {
  declare readonly name: Output<string>;

  constructor(name: string, args: Args<PolicySource>, options?: CustomResourceOptions) {
    super("dayzero:vault:Policy", name, { ...args, text: undefined }, options);
  }
}

/** See `jwtAuthResource`. */
export class JwtAuth extends CustomResource {
  declare readonly mount: Output<string>;

  constructor(name: string, args: Args<JwtAuthInputs>, options?: CustomResourceOptions) {
    super("dayzero:vault:JwtAuth", name, { ...args }, options);
  }
}

/** See `jwtRoleResource`. */
export class JwtRole extends CustomResource {
  declare readonly name: Output<string>;

  constructor(name: string, args: Args<JwtRoleInputs>, options?: CustomResourceOptions) {
    super("dayzero:vault:JwtRole", name, { ...args }, options);
  }
}

/** See `oidcIssuerResource`. */
export class OidcIssuer extends CustomResource {
  declare readonly issuer: Output<string>;

  constructor(name: string, args: Args<OidcIssuerInputs>, options?: CustomResourceOptions) {
    super("dayzero:vault:OidcIssuer", name, { ...args, issuer: undefined }, options);
  }
}

/** See `oidcKeyResource`. */
export class OidcKey extends CustomResource {
  declare readonly name: Output<string>;

  constructor(name: string, args: Args<OidcKeyInputs>, options?: CustomResourceOptions) {
    super("dayzero:vault:OidcKey", name, { ...args }, options);
  }
}

/** See `oidcRoleResource`. */
export class OidcRole extends CustomResource {
  declare readonly name: Output<string>;

  constructor(name: string, args: Args<OidcRoleInputs>, options?: CustomResourceOptions) {
    super("dayzero:vault:OidcRole", name, { ...args }, options);
  }
}

/** See `rootTokenResource`. */
export class RootToken extends CustomResource {
  declare readonly state: Output<string>;

  constructor(name: string, args: Args<RootTokenInputs>, options?: CustomResourceOptions) {
    super("dayzero:vault:RootToken", name, { ...args }, options);
  }
}
