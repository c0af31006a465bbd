import type { ConfigFields } from "../../apimachinery/config-fields.ts";

/** Reads the settings of a plugin that calls webhooks: the file that says as whom. Throws with the field for what is wrong. */
export function webhookKubeconfigOf(fields: ConfigFields): string {
  if (fields.text("kind") === "WebhookAdmission") fields.requireKind("WebhookAdmission", ["apiserver.config.k8s.io/v1alpha1"]);
  else fields.requireKind("WebhookAdmissionConfiguration", ["apiserver.config.k8s.io/v1"]);
  fields.refuseOthers(["kind", "apiVersion", "kubeConfigFile"]);
  return fields.requiredParsed("kubeConfigFile", (file) => {
    if (!file.startsWith("/")) throw new Error(`${JSON.stringify(file)}: must be an absolute file path`);
    return file;
  });
}
