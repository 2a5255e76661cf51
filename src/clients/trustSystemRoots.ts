import tls from "node:tls";

let trusted = false;

/**
 * Makes this process trust the machine's store of certificates (on Linux OpenSSL's, with SSL_CERT_FILE and SSL_CERT_DIR), besides the
 * roots that Node brings and NODE_EXTRA_CA_CERTS: a company's own authority is where every other program finds it too.
 *
 * For connections that name no CA; one that does trusts that alone. Reading the store takes a quarter of a second, so it is done before
 * the first such connection and not at the start. Source: https://nodejs.org/api/tls.html#tlssetdefaultcacertificatescerts
 */
export function trustSystemRoots(): void {
  if (trusted) return;
  trusted = true;
  const roots = new Set([...tls.getCACertificates("default"), ...tls.getCACertificates("system")]);
  // Node 24 has it from 24.5 on: before, NODE_EXTRA_CA_CERTS has to do.
  tls.setDefaultCACertificates?.([...roots]);
}
