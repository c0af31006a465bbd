import { readFileSync } from "node:fs";
import path from "node:path";
import { inFile, missingSettings, parseAdmissionConfiguration, USUAL_SETTINGS, type AdmissionSettings } from "../admission/admission-configuration.ts";
import type { AskImagePolicy, ImagePolicySettings } from "../admission/plugins/image-policy.ts";
import type { ApiConfig } from "../options/api-options.ts";
import { fetchRemoteJsonRetried } from "../auth/remote-json.ts";
import { readKubeconfig, readKubeconfigUsers, type KubeconfigUsers } from "../client/kubeconfig.ts";
import { UsageError } from "../options/config.ts";
import type { EngineParts } from "../engine-parts.ts";
import { describeError } from "../lib/log.ts";

export interface AdmissionSetup {
  readonly admissionSettings: AdmissionSettings;
  readonly webhookUsers: { readonly mutating?: KubeconfigUsers; readonly validating?: KubeconfigUsers };
  readonly askImagePolicy?: AskImagePolicy;
}

type AdmissionOptions = Pick<
  ApiConfig,
  "admissionControlConfigFile" | "enableAdmissionPlugins" | "defaultNotReadyTolerationSeconds" | "defaultUnreachableTolerationSeconds"
>;

/** As often as upstream. */
const TRIES_MAX = 5;
const TIMEOUT_MS = 30_000;

/** Reads the file of `--admission-control-config-file` and those that it names, as they are below its folder. Throws a UsageError for what cannot be. */
export function setUpAdmission(
  {
    admissionControlConfigFile: file,
    enableAdmissionPlugins,
    defaultNotReadyTolerationSeconds: notReady,
    defaultUnreachableTolerationSeconds: unreachable,
  }: AdmissionOptions,
  parts: Pick<EngineParts, "clock" | "random">,
): AdmissionSetup {
  const { admissionSettings, ...others } = file === undefined ? { admissionSettings: USUAL_SETTINGS, webhookUsers: {} } : readSetup(file, parts);
  const lacking = missingSettings(admissionSettings, enableAdmissionPlugins);
  if (lacking !== undefined) throw new UsageError(`--enable-admission-plugins: ${lacking} needs settings: name them in --admission-control-config-file`);
  return { ...others, admissionSettings: { ...admissionSettings, lostNodeSeconds: { notReady, unreachable } } };
}

function readSetup(file: string, parts: Pick<EngineParts, "clock" | "random">): AdmissionSetup {
  try {
    const admissionSettings = parseAdmissionConfiguration(readFileSync(file, "utf8"), (other) => readFileSync(path.resolve(path.dirname(file), other), "utf8"));
    const {
      webhookKubeconfigs: { mutating, validating },
      imagePolicy,
    } = admissionSettings;
    return {
      admissionSettings,
      webhookUsers: {
        ...(mutating === undefined ? {} : { mutating: usersIn(mutating) }),
        ...(validating === undefined ? {} : { validating: usersIn(validating) }),
      },
      ...(imagePolicy === undefined ? {} : { askImagePolicy: imagePolicyAsker(imagePolicy, parts) }),
    };
  } catch (error) {
    throw new UsageError(`--admission-control-config-file "${file}": ${describeError(error)}`);
  }
}

function usersIn(file: string): KubeconfigUsers {
  return inFile(file, () => readKubeconfigUsers(file));
}

function imagePolicyAsker({ kubeconfigFile, retryMs }: ImagePolicySettings, { clock, random }: Pick<EngineParts, "clock" | "random">): AskImagePolicy {
  const { server, ...credentials } = inFile(kubeconfigFile, () => readKubeconfig(kubeconfigFile));
  return (body, signal) =>
    fetchRemoteJsonRetried(
      { url: server, ...credentials, method: "POST", body, timeoutMs: TIMEOUT_MS },
      { firstMs: retryMs, triesMax: TRIES_MAX, clock, random, signal },
    );
}
