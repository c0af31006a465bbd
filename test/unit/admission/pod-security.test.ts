import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiResult } from "../../../engine/apimachinery/api-request.ts";
import { describeViolations, evaluatePod } from "../../../engine/admission/pod-security/evaluate-pod.ts";
import { describeMisfits } from "../../../engine/admission/pod-security/pod-security.ts";
import { readPolicy, type Level } from "../../../engine/admission/pod-security/policy.ts";
import { StatusError } from "../../../engine/apimachinery/status-error.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import type { Container, Pod, PodSpec } from "../../../engine/resources/types.ts";
import { adminUser, createTestNamespace, startTestApi, type TestApi } from "../../kit/test-api.ts";

const STRICT = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] }, runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } };
const container = (more: Partial<Container> = {}, name = "a"): Container => ({ name, image: "i", ...more });
const pod = (spec: Partial<PodSpec> = {}, annotations: Record<string, string> = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p", namespace: "guarded", annotations },
  spec: { containers: [container()], ...spec },
});
const secured = (securityContext: object) => pod({ containers: [container({ securityContext: { ...STRICT, ...securityContext } })] });
const judge = (judged: Pod, level: Level, minor = Infinity) => describeViolations(evaluatePod(judged, { level, minor }));

describe("the baseline forbids", () => {
  test.each<[string, Pod, string]>([
    [
      "adding capabilities",
      pod({ containers: [container({ securityContext: { capabilities: { add: ["NET_RAW", "CHOWN"] } } })] }),
      'non-default capabilities (container "a" must not include "NET_RAW" in securityContext.capabilities.add)',
    ],
    ["namespaces of the machine", pod({ hostNetwork: true, hostIPC: true }), "host namespaces (hostNetwork=true, hostIPC=true)"],
    [
      "folders of the machine",
      pod({
        volumes: [
          { name: "v", hostPath: { path: "/" } },
          { name: "w", hostPath: { path: "/" } },
        ],
      }),
      'hostPath volumes (volumes "v", "w")',
    ],
    [
      "ports of the machine",
      pod({ containers: [container({ ports: [{ containerPort: 80, hostPort: 8080 }] }), container({ ports: [{ containerPort: 80, hostPort: 80 }] }, "b")] }),
      'hostPort (containers "a", "b" use hostPorts 80, 8080)',
    ],
    [
      "probes of other hosts",
      pod({ containers: [container({ livenessProbe: { httpGet: { host: "10.0.0.1", port: 80 } } })] }),
      'probe or lifecycle host (container "a" uses probe or lifecycle host "10.0.0.1")',
    ],
    [
      "privileged containers, wherever they are",
      pod({ initContainers: [container({ securityContext: { privileged: true } }, "i")] }),
      'privileged (container "i" must not set securityContext.privileged=true)',
    ],
    ["an unmasked /proc", pod({ containers: [container({ securityContext: { procMount: "Unmasked" } })] }), 'procMount (container "a" must not set securityContext.procMount to "Unmasked")'],
    [
      "SELinux users and odd types",
      pod({ securityContext: { seLinuxOptions: { type: "spc_t", user: "u" } } }),
      'seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set)',
    ],
    [
      "no seccomp",
      pod({ containers: [container({ securityContext: { seccompProfile: { type: "Unconfined" } } })] }),
      'seccompProfile (container "a" must not set securityContext.seccompProfile.type to "Unconfined")',
    ],
    [
      "no AppArmor, by field or by annotation",
      pod({ securityContext: { appArmorProfile: { type: "Unconfined" } } }, { "container.apparmor.security.beta.kubernetes.io/a": "unconfined" }),
      'forbidden AppArmor profiles (pod and annotation must not set AppArmor profile type to "Unconfined", "container.apparmor.security.beta.kubernetes.io/a=\\"unconfined\\"")',
    ],
    [
      "sysctls that reach beyond the pod",
      pod({
        securityContext: {
          sysctls: [
            { name: "kernel.msgmax", value: "1" },
            { name: "net.ipv4.tcp_rmem", value: "1" },
          ],
        },
      }),
      "forbidden sysctls (kernel.msgmax)",
    ],
    ["processes of the machine on Windows", pod({ securityContext: { windowsOptions: { hostProcess: true } } }), "hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)"],
    ["nothing of a plain pod", pod(), ""],
  ])("%s", (_name, judged, said) => {
    expect(judge(judged, "baseline")).toBe(said);
    expect(judge(judged, "privileged")).toBe("");
  });
});

describe("the restricted level", () => {
  test("says everything that a plain pod lacks", () => {
    expect(judge(pod(), "restricted")).toBe(
      'allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"]), ' +
        'runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
    );
  });

  test.each<[string, Pod, string]>([
    ["lets a confined pod in", secured({}), ""],
    [
      "lets what the pod says count for its containers",
      pod({
        securityContext: { runAsNonRoot: true, seccompProfile: { type: "Localhost", localhostProfile: "p" } },
        containers: [container({ securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"], add: ["NET_BIND_SERVICE"] } } })],
      }),
      "",
    ],
    [
      "counts a capability once, as its own rule",
      secured({ capabilities: { drop: ["ALL"], add: ["SYS_ADMIN"] } }),
      'unrestricted capabilities (container "a" must not include "SYS_ADMIN" in securityContext.capabilities.add)',
    ],
    ["refuses root", secured({ runAsUser: 0 }), 'runAsUser=0 (container "a" must not set runAsUser=0)'],
    [
      "refuses volumes of the machine and of images",
      {
        ...secured({}),
        spec: {
          ...secured({}).spec,
          volumes: [
            { name: "h", hostPath: { path: "/" } },
            { name: "i", image: { reference: "x" } },
            { name: "e", emptyDir: {} },
          ],
        },
      },
      'restricted volume types (volumes "h", "i" use restricted volume types "hostPath", "image")',
    ],
    ["refuses what contradicts it before what is silent", secured({ runAsNonRoot: false }), 'runAsNonRoot != true (container "a" must not set securityContext.runAsNonRoot=false)'],
  ])("%s", (_name, judged, said) => {
    expect(judge(judged, "restricted")).toBe(said);
  });
});

test("a level can be asked for as it was in a release", () => {
  const rmem = pod({ securityContext: { sysctls: [{ name: "net.ipv4.tcp_rmem", value: "1" }] } });
  expect([judge(rmem, "baseline", 31), judge(rmem, "baseline", 32)]).toEqual(["forbidden sysctls (net.ipv4.tcp_rmem)", ""]);
  const probing = pod({ containers: [container({ readinessProbe: { tcpSocket: { host: "h", port: 1 } } })] });
  expect([judge(probing, "baseline", 33), judge(probing, "baseline", 34) === ""]).toEqual(["", false]);
  const mapped = { ...secured({ runAsUser: 0 }), spec: { ...secured({ runAsUser: 0 }).spec, hostUsers: false } };
  expect([judge(mapped, "restricted", 34) === "", judge(mapped, "restricted", 35)]).toEqual([false, ""]);
  expect(judge(pod(), "restricted", 7)).toBe('runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true)');
});

test("labels that cannot be read enforce the strictest level and remark nothing", () => {
  const { policy, errors } = readPolicy({ "pod-security.kubernetes.io/enforce": "strict", "pod-security.kubernetes.io/warn": "x", "pod-security.kubernetes.io/audit-version": "1.2" });
  expect(policy).toEqual({ enforce: { level: "restricted", minor: Infinity }, audit: { level: "privileged", minor: Infinity }, warn: { level: "privileged", minor: Infinity } });
  expect(errors.map(({ field, message }) => `${field}: ${message}`)).toEqual([
    'metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted',
    'metadata.labels[pod-security.kubernetes.io/audit-version]: Invalid value: "1.2": must be "latest" or "v1.x"',
    'metadata.labels[pod-security.kubernetes.io/warn]: Invalid value: "x": must be one of privileged, baseline, restricted',
  ]);
});

test("who enforces more than is warned of is warned of as much, unless the labels say otherwise", () => {
  const warnOf = (labels: Record<string, string>) => readPolicy(Object.fromEntries(Object.entries(labels).map(([key, value]) => [`pod-security.kubernetes.io/${key}`, value]))).policy.warn;
  expect(warnOf({ enforce: "baseline", "enforce-version": "v1.30" })).toEqual({ level: "baseline", minor: 30 });
  expect(warnOf({ enforce: "baseline", "enforce-version": "v1.30", "warn-version": "v1.20" })).toEqual({ level: "baseline", minor: 20 });
  expect(warnOf({ enforce: "baseline", warn: "privileged" })).toEqual({ level: "privileged", minor: Infinity });
});

test("pods that a raised level would not let in are told by what they share", () => {
  const named = (name: string, spec: Partial<PodSpec>): Pod => ({ ...pod(spec), metadata: { name } });
  const pods = [named("z", { hostPID: true }), named("b", { hostPID: true }), named("c", {}), named("d", { hostNetwork: true, volumes: [{ name: "v", hostPath: { path: "/" } }] })];
  expect(describeMisfits("n", pods, { level: "baseline", minor: 36 })).toEqual([
    'existing pods in namespace "n" violate the new PodSecurity enforce level "baseline:v1.36"',
    "b (and 1 other pod): host namespaces",
    "d: host namespaces, hostPath volumes",
  ]);
});

describe("through the API", () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startTestApi();
    await createTestNamespace(api.client, "guarded");
    await api.client.for(namespaceResource).patch("", "guarded", "merge", {
      metadata: { labels: { "pod-security.kubernetes.io/enforce": "baseline", "pod-security.kubernetes.io/warn": "restricted", "pod-security.kubernetes.io/warn-version": "v1.20" } },
    });
  });
  afterAll(() => api.stop());

  const post = (definition: { readonly group: string; readonly version: string; readonly resource: string }, body: object, namespace: string) =>
    api.server.handle({ verb: "create", resource: definition, namespace, body: body as Pod, options: {}, user: adminUser, userAgent: "test" } as Parameters<TestApi["server"]["handle"]>[0]);
  const warnings = (result: ApiResult) => ("warnings" in result ? result.warnings : []);

  test("a pod below the enforced level is refused, one below the advised level is warned about", async () => {
    const refusal = await api.client
      .for(podResource)
      .create(pod({ hostPID: true }))
      .catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(StatusError);
    expect((refusal as StatusError).message).toBe('pods "p" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostPID=true)');
    expect(api.server.metrics.render()).toContain(
      'pod_security_evaluations_total{decision="deny",mode="enforce",policy_level="baseline",policy_version="latest",request_operation="create",resource="pod",subresource=""} 1',
    );
    const [warning] = warnings(await post(podResource, pod(), "guarded"));
    expect(warning).toContain('would violate PodSecurity "restricted:v1.20": allowPrivilegeEscalation != false');
  });

  test("a workload is made, and its maker is warned", async () => {
    const template = { metadata: { labels: { app: "w" } }, spec: { containers: [container()], hostPID: true } };
    const result = await post(
      deploymentResource,
      { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "w", namespace: "guarded" }, spec: { selector: { matchLabels: { app: "w" } }, template } },
      "guarded",
    );
    expect(warnings(result)[0]).toContain('would violate PodSecurity "restricted:v1.20": host namespaces (hostPID=true)');
  });

  test("labels that nobody could obey are refused", async () => {
    const refusal = await api.client
      .for(namespaceResource)
      .create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "odd", labels: { "pod-security.kubernetes.io/enforce": "none" } } })
      .catch((error: unknown) => error);
    expect((refusal as StatusError).message).toContain('Namespace "odd" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "none": must be one of');
  });
});
