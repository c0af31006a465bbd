import type { KeyPair } from "../auth/certificates.ts";
import type { ClusterPki, ApprovedSigning } from "../auth/cluster-pki.ts";
import type { ServiceAccountTokens } from "../auth/service-account-token.ts";
import { elected, electedOptions } from "../elected-services.ts";
import type { EngineParts } from "../engine-parts.ts";
import { ChangingValue, type Following } from "../lib/changing-value.ts";
import type { MetricsRegistry } from "../lib/metrics.ts";
import { inTurns, type Service } from "../lib/service.ts";
import type { ServerConfig } from "../options/config.ts";
import { podRangesOf } from "../options/network-options.ts";
import type { SchedulerSettings } from "../scheduler/scheduler-settings.ts";
import type { ClientsByUser } from "./git-setup.ts";

export interface ControlPlaneSetup {
  readonly as: ClientsByUser;
  readonly metrics: MetricsRegistry;
  readonly scheduling: SchedulerSettings | undefined;
  readonly pki: ClusterPki;
  /** By whom, and for how long at most, approved requests are signed. */
  readonly signing: ApprovedSigning;
  /** The operator's certificate of the API, if there is one. */
  readonly presented: Following<KeyPair> | undefined;
  readonly tokens: ServiceAccountTokens;
  /** Whether other servers have the same store: then one of them leads. */
  readonly isShared: boolean;
}

/** Controllers and scheduler. A server that does not lead needs none of their code, and the API need wait neither for it nor until all of them have begun. */
export async function setUpControlPlane(config: ServerConfig, parts: EngineParts, setup: ControlPlaneSetup, signal: AbortSignal): Promise<readonly Service[]> {
  const { clock, random, logger } = parts;
  const { as, metrics, scheduling, pki, signing, presented, tokens, isShared } = setup;
  // Tokens without an end are nothing that somebody else signs for us.
  const issueAccountToken = config.serviceAccountSigningEndpoint === undefined ? { issueAccountToken: tokens.issueLegacy.bind(tokens) } : {};
  const keys = {
    signApproved: (request: string, usages: readonly string[], seconds: number | undefined) => pki.signApproved(request, usages, seconds, signing),
    ...issueAccountToken,
  };
  const rootCa = trustBundle(pki.ca, presented, signal);
  const controlPlane = async () =>
    inTurns(
      (await import("../control-plane.ts")).createControlPlane({
        as,
        clock,
        random,
        logger,
        metrics,
        rootCa,
        wanted: config.controllers,
        eventTtlMs: config.eventTtl,
        ...(scheduling === undefined ? {} : { scheduling }),
        ...(config.allocateNodeCidrs ? { podRanges: podRangesOf(config) } : {}),
        keys,
      }),
    );
  return isShared ? [elected("mainstay-control-plane", controlPlane, electedOptions(config, parts, as))] : controlPlane();
}

/** What pods are told to trust: they may come to the API by a name for which the operator's certificate is shown. */
function trustBundle(ca: string, presented: Following<KeyPair> | undefined, signal: AbortSignal): Following<string> {
  const text = () => `${ca}${presented?.current.certificate ?? ""}`;
  const bundle = new ChangingValue(text());
  presented?.onChange(() => bundle.set(text()), signal);
  return bundle;
}
