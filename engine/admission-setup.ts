import { readFileSync } from "node:fs";
import path from "node:path";
import { inFile, parseAdmissionConfiguration, USUAL_SETTINGS, type AdmissionSettings } from "./admission/admission-configuration.ts";
import type { ApiConfig } from "./api-options.ts";
import { readKubeconfigUsers, type KubeconfigUsers } from "./client/kubeconfig.ts";
import { UsageError } from "./config.ts";
import { describeError } from "./lib/log.ts";

export interface AdmissionSetup {
  readonly admissionSettings: AdmissionSettings;
  readonly webhookUsers: { readonly mutating?: KubeconfigUsers; readonly validating?: KubeconfigUsers };
}

/** Reads the file of `--admission-control-config-file` and those that it names, as they are below its folder. Throws a UsageError for what cannot be. */
export function setUpAdmission({ admissionControlConfigFile: file }: Pick<ApiConfig, "admissionControlConfigFile">): AdmissionSetup {
  if (file === undefined) return { admissionSettings: USUAL_SETTINGS, webhookUsers: {} };
  try {
    const admissionSettings = parseAdmissionConfiguration(readFileSync(file, "utf8"), (other) => readFileSync(path.resolve(path.dirname(file), other), "utf8"));
    const { mutating, validating } = admissionSettings.webhookKubeconfigs;
    return { admissionSettings, webhookUsers: { ...(mutating === undefined ? {} : { mutating: usersIn(mutating) }), ...(validating === undefined ? {} : { validating: usersIn(validating) }) } };
  } catch (error) {
    throw new UsageError(`--admission-control-config-file "${file}": ${describeError(error)}`);
  }
}

function usersIn(file: string): KubeconfigUsers {
  return inFile(file, () => readKubeconfigUsers(file));
}
