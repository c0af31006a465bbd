import type { Authorizer } from "../../auth/authorize.ts";
import type { ApiServerOptions } from "../create-api-server.ts";
import { AdmissionMetrics } from "../../admission/admission-metrics.ts";
import { AdmissionChain } from "../../admission/admission.ts";
import type { SignerCheck } from "../../admission/plugins/certificates.ts";
import { deviceClaimRights } from "../../admission/plugins/device-claims.ts";
import { deviceTaintTimes } from "../../admission/plugins/device-taint-times.ts";
import { gitOwnedFields, type GitFieldPlaces } from "../../admission/plugins/git-owned-fields.ts";
import { USUAL_SETTINGS } from "../../admission/admission-configuration.ts";
import { PodSecurityMetrics } from "../../admission/pod-security/pod-security-metrics.ts";
import { privilegeBan } from "../../admission/plugins/privilege-ban.ts";
import { choosePlugins } from "../../admission/choose-plugins.ts";
import { admissionPlugins, type AdmissionParts } from "../../admission/plugins.ts";
import { followPolicies } from "../../admission/policies/policy-index.ts";
import type { ChangeQuota } from "../../admission/plugins/resource-quota.ts";
import { PolicyMetrics } from "../../admission/policies/policy-metrics.ts";
import { WebhookMetrics } from "../../admission/webhooks/webhook-metrics.ts";
import { followWebhooks } from "../../admission/webhooks/webhook-index.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { WebhookTransport } from "../../apimachinery/webhook-call.ts";
import { CONTROLLER_USER, GITOPS_USER } from "../../apimachinery/known-users.ts";
import type { RbacIndex } from "../../auth/rbac-index.ts";
import type { KubeconfigUsers } from "../../client/kubeconfig.ts";
import type { Tracer } from "../../lib/tracing/tracer.ts";
import { resourceQuotaResource } from "../../resources/core/resource-quota.ts";
import type { ResourceQuota } from "../../resources/types.ts";
import type { ObjectStore } from "../../storage/object-store.ts";
import { equivalentResources } from "./equivalent-resources.ts";
import { rbacEscalation } from "./rbac-escalation.ts";
import { rightsAnswers } from "./rights-answers.ts";
import type { ResourceIndex } from "../resource-index.ts";
import { signingRequestor } from "./signing-requestor.ts";
import { KUBERNETES_VERSION } from "../version.ts";

/** What the chain is made of, beside the options. */
export interface ServerAdmissionParts {
  readonly authorizer: Authorizer;
  readonly rbac: RbacIndex;
  readonly resources: ResourceIndex;
  readonly gitFields: GitFieldPlaces;
  /** By which webhooks are asked of which the options say nothing. */
  readonly webhooks: WebhookTransport;
  readonly webhookClient: (users: KubeconfigUsers) => WebhookTransport;
  readonly tracer: Tracer;
  readonly makeNamespace: (name: string) => Promise<void>;
}

/** The chain of admission as the options choose it, with what its plugins ask of the store and of the rights. */
export function createAdmission(options: ApiServerOptions, parts: ServerAdmissionParts): AdmissionChain {
  const { store, clock, random, logger } = options;
  const { authorizer, resources, makeNamespace } = parts;
  const mayUseSigner: SignerCheck = (user, verb, name) =>
    authorizer.allows({ is: "resource", user, verb, group: "certificates.k8s.io", version: "*", resource: "signers", namespace: "", name });
  const policyParts = {
    equivalents: equivalentResources(resources),
    askRights: rightsAnswers(authorizer),
    findKind: (apiVersion: string, kind: string) => resources.findKind(apiVersion, kind),
    metrics: { validating: new PolicyMetrics(options.metrics, clock, "validating"), mutating: new PolicyMetrics(options.metrics, clock, "mutating") },
  };
  const plugins = admissionPlugins({
    random,
    clock,
    mayUseSigner,
    changeQuota: changeQuota(store),
    policies: { ...followPolicies(store), parts: policyParts },
    webhooks: webhooksOf(options, parts, policyParts),
    settings: options.admissionSettings ?? USUAL_SETTINGS,
    logger,
    podSecurityMetrics: new PodSecurityMetrics(options.metrics, Number(KUBERNETES_VERSION.minor)),
    makeNamespace,
    owners: policyParts,
    askImagePolicy: options.askImagePolicy,
    always: [
      gitOwnedFields(clock, new Set([GITOPS_USER, CONTROLLER_USER]), parts.gitFields),
      signingRequestor,
      rbacEscalation({ index: parts.rbac, authorizer, catchUp: () => store.caughtUp() }),
      deviceClaimRights(policyParts.askRights),
      deviceTaintTimes(clock),
      ...(options.allowsPrivileged === false ? [privilegeBan] : []),
    ],
  });
  return new AdmissionChain(
    choosePlugins(plugins, options.admissionChoice ?? { enabled: [], disabled: [] }),
    {
      get: async (definition, namespace, name, fresh) =>
        (await store.get(definition, namespace, name, fresh?.fresh === true ? {} : { resourceVersion: "0" }))?.object,
      list: async (definition, namespace, fresh) =>
        (await store.list(definition, namespace, fresh?.fresh === true ? {} : { resourceVersion: "0" })).items.map(({ object }) => object),
    },
    new AdmissionMetrics(options.metrics, clock),
  );
}

/** Each form of webhooks is called as the options say for it. */
function webhooksOf(
  options: ApiServerOptions,
  { webhooks, webhookClient, tracer }: ServerAdmissionParts,
  policyParts: AdmissionParts["policies"]["parts"],
): AdmissionParts["webhooks"] {
  const { store, clock, random, logger, metrics, webhookUsers } = options;
  const shared = { ...policyParts, tracer, random, clock, logger, metrics: new WebhookMetrics(metrics, clock) };
  const transportOf = (users: KubeconfigUsers | undefined) => (users === undefined ? webhooks : webhookClient(users));
  return {
    ...followWebhooks(store),
    mutatingParts: { ...shared, transport: transportOf(webhookUsers?.mutating) },
    validatingParts: { ...shared, transport: transportOf(webhookUsers?.validating) },
  };
}

/** Quotas are charged past the API: nobody may refuse that, and nobody wrote it. */
function changeQuota(store: ObjectStore): ChangeQuota {
  return async (namespace, name, change) => {
    await store.update(resourceQuotaResource, namespace, name, ({ object }) => {
      const next = change(object as ResourceQuota & KubeObject); // stored, so it has its names
      return next === undefined ? { do: "keep" } : { do: "write", object: next };
    });
  };
}
