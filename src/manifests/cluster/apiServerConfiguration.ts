/**
 * Audit policy of the embedded API server: who asked for what, without bodies, once per request.
 * https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/
 */
export const auditPolicy = JSON.stringify({
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  omitManagedFields: true,
  rules: [{ level: "Metadata" }],
});

/**
 * Template of the encryption configuration: Secrets are sealed with XSalsa20-Poly1305 under a key that is drawn once.
 *
 * A changed template would draw another key, and nothing that is stored could be read any more: it stays as it is.
 * https://kubernetes.io/docs/reference/config-api/apiserver-config.v1/
 */
export const encryptionTemplate = JSON.stringify({
  apiVersion: "apiserver.config.k8s.io/v1",
  kind: "EncryptionConfiguration",
  resources: [
    {
      resources: ["secrets"],
      providers: [{ secretbox: { keys: [{ name: "day-zero", secret: "{{random:base64:32}}" }] } }],
    },
  ],
});
