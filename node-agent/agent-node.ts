import os from "node:os";
import { standardBlock } from "../engine/lib/net/ip-address.ts";
import type { Service } from "../engine/lib/service.ts";
import { podCidrsOf } from "../engine/resources/core/node.ts";
import type { AgentBasis } from "./agent-basis.ts";
import type { AgentPods } from "./agent-pods.ts";
import { podsMaxOf, registrationOf } from "./agent-settings.ts";
import { createNodeLease } from "./node/node-lease.ts";
import { createNodeReporter } from "./node/node-status.ts";

/** The machine's Node and its Lease: both are kept true, and what the API says of the Node is heard. */
export function createAgentNode(basis: AgentBasis, { csi, resources, shutdown, nodeIsAnother }: AgentPods): readonly Service[] {
  const { config, client, clock, logger, informers, node, here, nodeRuntime, nodeIps } = basis;
  const reporter = createNodeReporter({
    ...basis,
    runtime: nodeRuntime.runtime,
    dataDir: config.dataDir,
    pressures: resources.pressures,
    problem: () => shutdown.problem,
    reserved: resources.reserved,
    registration: registrationOf(config),
    podsMax: podsMaxOf(config, os.availableParallelism()),
    imagesMax: config.nodeStatusMaxImages,
    lookMs: config.nodeStatusUpdateFrequency,
    reportMs: config.nodeStatusReportFrequency,
    volumesInUse: () => csi.uses.names(),
    onChange: (changed) => {
      const undo = [resources.onChange(changed), shutdown.onChange(changed), csi.uses.onChange(changed)];
      return () => undo.forEach((end) => end());
    },
    identity: { name: config.nodeName, ips: nodeIps, port: config.port, version: basis.version },
    onNode: (seen) => {
      const isAnother = node.see(seen);
      csi.uses.nodeSeen(seen);
      if (isAnother) nodeIsAnother();
      nodeRuntime.useRanges(podCidrsOf(seen).map(standardBlock));
    },
  });
  const lease = createNodeLease({
    client,
    clock,
    logger,
    nodeName: config.nodeName,
    durationSeconds: config.nodeLeaseDurationSeconds,
    onReturn: () => {
      informers.retryNow();
      here.serverIsBack();
    },
  });
  return [reporter, lease];
}
