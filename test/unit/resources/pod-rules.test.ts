import { describe, expect, test } from "vitest";
import type { FieldError } from "../../../engine/apimachinery/field-error.ts";
import { qualifiedNameProblems } from "../../../engine/apimachinery/names.ts";
import { daemonSetResource } from "../../../engine/resources/apps/daemon-set.ts";
import { decodeObject } from "../../../engine/registry/decode-object.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import type { Pod, PodSpec } from "../../../engine/resources/types.ts";
import { validatePod, validateAnyTemplate } from "../../../engine/resources/validation/pod-spec.ts";

const container = (more: object = {}) => ({ name: "c", image: "i", ...more });
const spec = (more: object = {}): PodSpec => ({ containers: [container()], serviceAccountName: "default", ...more });
const pod = (of: PodSpec, annotations: Record<string, string> = {}): Pod => ({ apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "n", annotations }, spec: of });
const text = (errors: readonly FieldError[]) => errors.map(({ field, message }) => `${field}: ${message}`);
const faults = (more: object) => text(validatePod(pod(spec(more))));
const inContainer = (more: object, others: object = {}) => faults({ containers: [container(more)], ...others });
const SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

test("each rule that a name breaks is told by itself", () => {
  expect(qualifiedNameProblems("")).toEqual(["name part must be non-empty", expect.stringContaining("name part must consist of")]);
  expect(text(validatePod(pod(spec({ nodeSelector: { [`-${"x".repeat(70)}`]: "v" } }))))).toEqual([
    expect.stringContaining("no more than 63 bytes"),
    expect.stringContaining("name part must consist of"),
  ]);
});

describe("volumes", () => {
  const volume = (source: object) => faults({ volumes: [{ name: "v", ...source }] });
  test.each<[string, object, readonly string[]]>([
    [
      "files have bits of access",
      { configMap: { name: "c", defaultMode: 512 } },
      ["spec.volumes[0].configMap.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive"],
    ],
    [
      "a key is anything, its file is not",
      { secret: { secretName: "s", items: [{ key: "a/b", path: "..c" }] } },
      ["spec.volumes[0].secret.items[0].path: Invalid value: \"..c\": must not start with '..'"],
    ],
    [
      "what a pod tells of itself is named by its volume",
      { downwardAPI: { items: [{ path: "f", mode: -1, fieldRef: { fieldPath: "metadata.name", apiVersion: "v2" } }] } },
      [
        'spec.volumes[0].downwardAPI.fieldRef.fieldPath: Invalid value: "metadata.name": error converting fieldPath: unsupported pod version: v2',
        "spec.volumes[0].downwardAPI.mode: Invalid value: -1: must be a number between 0 and 0777 (octal), both inclusive",
      ],
    ],
    [
      "a unit is one of its resource's",
      { downwardAPI: { items: [{ path: "f", resourceFieldRef: { containerName: "c", resource: "limits.cpu", divisor: "2" } }] } },
      ['spec.volumes[0].downwardAPI.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor\'s values 1m and 1 are supported with the cpu resource'],
    ],
    ["a projected source may be none", { projected: { sources: [{}] } }, []],
    [
      "a projected source is one",
      { projected: { sources: [{ secret: { name: "S_", items: [{ key: "k", path: "f" }] }, configMap: { name: "c", items: [{ key: "k", path: "f" }] } }] } },
      ['spec.volumes[0].projected: Invalid value: "c": conflicting duplicate paths', "spec.volumes[0].projected.sources[0]: Forbidden: may not specify more than 1 volume type per source"],
    ],
    [
      "of two sources the first is judged",
      { downwardAPI: {}, cephfs: { monitors: [] } },
      ["spec.volumes[0].cephfs.monitors: Required value", "spec.volumes[0].downwarAPI: Forbidden: may not specify more than 1 volume type"],
    ],
    [
      "disks of a cloud have names",
      { gcePersistentDisk: { pdName: "", partition: 256 } },
      ["spec.volumes[0].persistentDisk.pdName: Required value", "spec.volumes[0].persistentDisk.partition: Invalid value: 256: must be between 1 and 255, inclusive"],
    ],
    [
      "targets of iSCSI have names of their kind",
      { iscsi: { targetPortal: "t", iqn: "iqn.x", lun: 300, initiatorName: "me" } },
      [
        'spec.volumes[0].iscsi.iqn: Invalid value: "iqn.x": must be valid format',
        "spec.volumes[0].iscsi.lun: Invalid value: 300: must be between 0 and 255, inclusive",
        'spec.volumes[0].iscsi.initiatorname: Invalid value: "me": must be valid format starting with iqn, eui, or naa',
      ],
    ],
    [
      "a fabric's disk has names or ids",
      { fc: { targetWWNs: ["w"], wwids: ["i"] } },
      [
        'spec.volumes[0].fc.targetWWNs: Invalid value: ["w"]: targetWWNs and wwids can not be specified simultaneously',
        "spec.volumes[0].fc.lun: Required value: lun is required if targetWWNs is specified",
      ],
    ],
    [
      "options of drivers are not the system's",
      { flexVolume: { driver: "d", options: { "kubernetes.io/x": "" } } },
      ['spec.volumes[0].flexVolume.options[kubernetes.io/x]: Invalid value: "kubernetes.io/x": kubernetes.io and k8s.io namespaces are reserved'],
    ],
    [
      "a registry has ports",
      { quobyte: { registry: "host", volume: "v" } },
      ['spec.volumes[0].quobyte.registry: Invalid value: "host": must be a host:port pair or multiple pairs separated by commas'],
    ],
    ["a managed disk is under a subscription", { azureDisk: { diskName: "d", diskURI: "x", kind: "Managed" } }, [expect.stringContaining("spec.volumes[0].azureDisk.diskURI: Unsupported value")]],
    [
      "a dataset has one name",
      { flocker: { datasetName: "a/b", datasetUUID: "u" } },
      [
        'spec.volumes[0].flocker: Invalid value: "resource": datasetName and datasetUUID can not be specified simultaneously',
        "spec.volumes[0].flocker.datasetName: Invalid value: \"a/b\": must not contain '/'",
      ],
    ],
    ["storage has a namespace", { storageos: { volumeName: "v", volumeNamespace: "N" } }, [expect.stringContaining("spec.volumes[0].storageos.volumeNamespace: Invalid value")]],
    [
      "a driver has a name",
      { csi: { driver: "d_", nodePublishSecretRef: { name: "" } } },
      [expect.stringContaining("spec.volumes[0].csi.driver: Invalid value"), "spec.volumes[0].csi.nodePublishSecretRef.name: Required value"],
    ],
    [
      "a claim that is made is a claim, and called after its pod",
      { ephemeral: { volumeClaimTemplate: { metadata: { name: "x" }, spec: { accessModes: ["ReadWriteOnce"], resources: { requests: {} } } } } },
      ["spec.volumes[0].ephemeral.volumeClaimTemplate.metadata.name: Forbidden: cannot be set", "spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value"],
    ],
  ])("%s", (_what, source, expected) => expect(volume(source)).toEqual(expected));

  test("that are wrong cannot be mounted, and of the last two of a name only the first is there", () => {
    expect(faults({ volumes: [{ name: "v", hostPath: { path: "" } }], containers: [container({ volumeMounts: [{ name: "v", mountPath: "/x" }] })] })).toEqual([
      "spec.volumes[0].hostPath.path: Required value",
      'spec.containers[0].volumeMounts[0].name: Not found: "v"',
    ]);
    const made = { name: "v", ephemeral: { volumeClaimTemplate: { spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } } } } };
    expect(faults({ volumes: [made, { name: "w", persistentVolumeClaim: { claimName: "p-v" } }] })).toEqual([
      'spec.volumes[1].persistentVolumeClaim.claimName: Invalid value: "p-v": must not reference a PVC that gets created for an ephemeral volume',
    ]);
  });

  test("with a token need somebody whose it is", () => {
    const volumes = [{ name: "v", projected: { sources: [{ serviceAccountToken: { path: "t" } }] } }];
    expect(text(validatePod(pod({ containers: [container()], volumes })))).toEqual([
      "spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set",
    ]);
    expect(faults({ volumes })).toEqual([]);
  });
});

describe("a container", () => {
  test.each<[string, object, readonly string[]]>([
    [
      "is resized in ways that there are",
      {
        resizePolicy: [
          { resourceName: "cpu", restartPolicy: "X" },
          { resourceName: "cpu", restartPolicy: "NotRequired" },
          { resourceName: "disk", restartPolicy: "NotRequired" },
        ],
      },
      [
        'spec.containers[0].resizePolicy: Unsupported value: "X": supported values: "NotRequired", "RestartContainer"',
        'spec.containers[0].resizePolicy[1]: Duplicate value: "cpu"',
        'spec.containers[0].resizePolicy: Unsupported value: "disk": supported values: "cpu", "memory"',
      ],
    ],
    [
      "sleeps no longer than it may take to end",
      { lifecycle: { preStop: { sleep: { seconds: 31 } } } },
      ["spec.containers[0].lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)"],
    ],
    ["ends by a signal of a known system", { lifecycle: { stopSignal: "SIGTERM" } }, ["spec.containers[0].lifecycle.stopSignal: Forbidden: may not be set for containers with empty `spec.os.name`"]],
    [
      "is asked for headers that there can be",
      { livenessProbe: { httpGet: { port: 80, path: "/", httpHeaders: [{ name: "a b", value: "" }] } } },
      [expect.stringMatching(/^spec\.containers\[0\]\.livenessProbe\.httpGet\.httpHeaders: Invalid value: "a b"/)],
    ],
    [
      "is waited for in seconds",
      { readinessProbe: { exec: { command: ["x"] }, periodSeconds: -1, terminationGracePeriodSeconds: 0 } },
      [
        "spec.containers[0].readinessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0",
        "spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0",
        "spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 0: must not be set for readinessProbes",
      ],
    ],
    [
      "takes variables from what has a name",
      { env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "", key: "k" } } }] },
      [`spec.containers[0].env[0].valueFrom.configMapKeyRef.name: Invalid value: "": ${SUBDOMAIN}`],
    ],
    ["takes all variables from one place at a time", { envFrom: [{}] }, ['spec.containers[0].envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`']],
    [
      "asks for pages as they come",
      { resources: { limits: { cpu: "1", "hugepages-2Mi": "3Mi" }, requests: { cpu: "1", "hugepages-2Mi": "3Mi" } } },
      [
        'spec.containers[0].resources.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
        'spec.containers[0].resources.requests[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
      ],
    ],
    [
      "asks for devices with names",
      { resources: { limits: { "requests.a/b": "1" } } },
      ['spec.containers[0].resources.limits[requests.a/b]: Invalid value: "requests.a/b": doesn\'t follow extended resource name standard'],
    ],
    [
      "asks for resources that there are, whatever they are called",
      { resources: { requests: { constructor: "1" } } },
      [
        'spec.containers[0].resources.requests[constructor]: Invalid value: "constructor": must be a standard resource type or fully qualified',
        'spec.containers[0].resources.requests[constructor]: Invalid value: "constructor": must be a standard resource for containers',
      ],
    ],
    [
      "uses claims of its pod",
      { resources: { claims: [{ name: "x" }] } },
      ['spec.containers[0].resources.claims[0]: Not found: "x": must be one of the names in pod.spec.resourceClaims which is empty'],
    ],
    [
      "restarts by words that there are",
      { restartPolicy: "Now", restartPolicyRules: [{ action: "Stop", exitCodes: { operator: "Is" } }] },
      [
        'spec.containers[0].restartPolicy: Unsupported value: "Now": supported values: "Always", "Never", "OnFailure"',
        'spec.containers[0].restartPolicyRules[0].action: Unsupported value: "Stop": supported values: "Restart", "RestartAllContainers"',
        'spec.containers[0].restartPolicyRules[0].exitCodes.operator: Unsupported value: "Is": supported values: "In", "NotIn"',
      ],
    ],
    [
      "has a user of Windows with a name",
      { securityContext: { windowsOptions: { runAsUserName: "a\\b\\c", gmsaCredentialSpec: "" } } },
      [
        'spec.containers[0].securityContext.windowsOptions.gmsaCredentialSpec: Invalid value: "": gmsaCredentialSpec cannot be an empty string',
        'spec.containers[0].securityContext.windowsOptions.runAsUserName: Invalid value: "a\\\\b\\\\c": runAsUserName cannot contain more than one backslash',
      ],
    ],
    [
      "has a profile that is not padded",
      { securityContext: { appArmorProfile: { type: "Localhost", localhostProfile: " p" } } },
      ['spec.containers[0].securityContext.appArmorProfile.localhostProfile: Invalid value: " p": must not be padded with whitespace'],
    ],
    ["gives up what it has by one of its names only", { securityContext: { allowPrivilegeEscalation: false, capabilities: { add: ["SYS_ADMIN"] } } }, []],
  ])("%s", (_what, more, expected) => expect(inContainer(more)).toEqual(expected));

  test("has devices that are claims, each once and nowhere a mount", () => {
    const volumes = [
      { name: "e", emptyDir: {} },
      { name: "d", persistentVolumeClaim: { claimName: "d" } },
    ];
    const of = (more: object) => inContainer(more, { volumes });
    expect(of({ volumeDevices: [{ name: "e", devicePath: "/dev/e" }] })).toEqual([
      'spec.containers[0].volumeDevices[0].name: Invalid value: "e": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
    ]);
    expect(
      of({
        volumeDevices: [
          { name: "d", devicePath: "/dev/d" },
          { name: "d", devicePath: "/dev/x" },
        ],
      }),
    ).toEqual(['spec.containers[0].volumeDevices[1].name: Invalid value: "d": must be unique']);
    expect(of({ volumeMounts: [{ name: "d", mountPath: "/a" }], volumeDevices: [{ name: "d", devicePath: "/dev/d" }] })).toEqual([
      'spec.containers[0].volumeMounts[0].name: Invalid value: "d": must not already exist in volumeDevices',
      'spec.containers[0].volumeDevices[0].name: Invalid value: "d": must not already exist in volumeMounts',
    ]);
    expect(of({ volumeMounts: [{ name: "e", mountPath: "/a", recursiveReadOnly: "No" }] })).toEqual([
      'spec.containers[0].volumeMounts.recursiveReadOnly: Unsupported value: "No": supported values: "Disabled", "Enabled", "IfPossible"',
    ]);
  });

  test("for debugging is judged as others are, and has no part in the pod's plan", () => {
    const ephemeralContainers = [{ name: "D", image: " i", resources: { limits: { cpu: "1" } }, volumeMounts: [{ name: "e", mountPath: "/e", subPath: "s" }] }];
    expect(faults({ ephemeralContainers, volumes: [{ name: "e", emptyDir: {} }] })).toEqual([
      expect.stringContaining("spec.ephemeralContainers[0].name: Invalid value"),
      'spec.ephemeralContainers[0].image: Invalid value: " i": must not have leading or trailing whitespace',
      "spec.ephemeralContainers[0].resources: Forbidden: cannot be set for an Ephemeral Container",
      "spec.ephemeralContainers[0].volumeMounts[0].subPath: Forbidden: cannot be set for an Ephemeral Container",
    ]);
  });
});

describe("ports of the node", () => {
  const hostNetwork = { hostNetwork: true, containers: [container({ ports: [{ containerPort: 80 }, { containerPort: 81, hostPort: 82 }] })] };
  test("are those of the containers on its network; templates may leave them to their pods", () => {
    const wrong = (index: number, port: number) => `spec.containers[0].ports[${index}].hostPort: Invalid value: ${port}: must match \`containerPort\` when \`hostNetwork\` is true`;
    expect(faults(hostNetwork)).toEqual([wrong(0, 0), wrong(1, 82)]);
    expect(text(validateAnyTemplate({ spec: spec(hostNetwork) }, "t"))).toEqual([`t.${wrong(1, 82)}`]);
  });
});

describe("a pod", () => {
  const LABEL_TERM = { labelSelector: {}, topologyKey: "zone" };
  test.each<[string, object, readonly string[]]>([
    [
      "searches names with underscores",
      { dnsConfig: { searches: ["_a.b", ".", "", "A"] } },
      [expect.stringContaining('spec.dnsConfig.searches[2]: Invalid value: ""'), expect.stringContaining('spec.dnsConfig.searches[3]: Invalid value: "A"')],
    ],
    ["names each host of an alias", { hostAliases: [{ ip: "1.2.3.4", hostnames: ["a", "B"] }] }, [`spec.hostAliases[0].hostnames[1]: Invalid value: "B": ${SUBDOMAIN}`]],
    ["is scheduled by anybody", { schedulerName: "Mine" }, []],
    [
      "is called otherwise by one field only",
      { hostnameOverride: "x".repeat(65), setHostnameAsFQDN: true, hostNetwork: true },
      [
        "spec.hostnameOverride: Forbidden: may not be specified when setHostnameAsFQDN is true",
        "spec.hostnameOverride: Forbidden: may not be specified when hostNetwork is true",
        "spec.hostnameOverride: Too long: may not be more than 64 bytes",
      ],
    ],
    [
      "chooses nodes by values that labels can have",
      {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: "k", operator: "In", values: ["*"] }], matchFields: [{ key: "metadata.name", operator: "In", values: [""] }] }],
            },
          },
        },
      },
      [expect.stringContaining('matchExpressions[0].values[0]: Invalid value: "*": a valid label'), expect.stringContaining('matchFields[0].values[0]: Invalid value: ""')],
    ],
    [
      "wishes for any values, with a weight",
      { affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 101, preference: { matchExpressions: [{ key: "k", operator: "In", values: ["*"] }] } }] } } },
      ["spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 101: must be in the range 1-100"],
    ],
    [
      "is near others by a weight",
      { affinity: { podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 0, podAffinityTerm: LABEL_TERM }] } } },
      ["spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100"],
    ],
    [
      "chooses by operators that there are",
      { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector: { matchExpressions: [{ key: "k", operator: "Is" }] }, topologyKey: "z" }] } } },
      ['spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator'],
    ],
    [
      "spreads over the same places once, by any key",
      {
        topologySpreadConstraints: [
          { maxSkew: 0, topologyKey: "-", whenUnsatisfiable: "DoNotSchedule" },
          { maxSkew: 1, topologyKey: "-", whenUnsatisfiable: "DoNotSchedule" },
        ],
      },
      [
        "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
        'spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: "{-, DoNotSchedule}"',
      ],
    ],
    [
      "tolerates without comparing",
      { tolerations: [{ key: "k", operator: "Gt", value: "1" }] },
      ['spec.tolerations[0].operator: Unsupported value: "Gt": supported values: "Equal", "Exists", "Lt", "Gt"'],
    ],
    [
      "claims devices by good names",
      { resourceClaims: [{ name: "A", resourceClaimName: "B" }] },
      [expect.stringContaining('spec.resourceClaims[0].name: Invalid value: "A"'), expect.stringContaining('spec.resourceClaims[0].resourceClaimName: Invalid value: "B"')],
    ],
    ["is of a known system", { os: { name: "plan9" } }, ['spec.os: Unsupported value: "plan9": supported values: "linux", "windows"']],
    [
      "of Windows has nothing of Linux",
      { os: { name: "windows" }, hostPID: true, securityContext: { fsGroup: 1 }, containers: [container({ securityContext: { privileged: false } })] },
      [
        "spec.hostPID: Forbidden: cannot be set for a windows pod",
        "spec.securityContext.fsGroup: Forbidden: cannot be set for a windows pod",
        "spec.containers[0].securityContext.privileged: Forbidden: cannot be set for a windows pod",
      ],
    ],
    [
      "of Linux has nothing of Windows",
      { os: { name: "linux" }, securityContext: { windowsOptions: {} } },
      ["spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod"],
    ],
    [
      "has processes of the node altogether, on its network",
      { initContainers: [container({ name: "i" })], containers: [container({ securityContext: { windowsOptions: { hostProcess: true } } })] },
      [
        'spec: Invalid value: "": If pod contains any hostProcess containers then all containers must be HostProcess containers',
        "spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers",
      ],
    ],
    [
      "with users of its own shares nothing",
      { hostUsers: false, hostPID: true, containers: [container({ volumeDevices: [{ name: "d", devicePath: "/d" }] })], volumes: [{ name: "d", persistentVolumeClaim: { claimName: "d" } }] },
      ["spec.HostPID: Forbidden: when `hostUsers` is false", "spec.containers[0].volumeDevices: Forbidden: when `hostUsers` is false"],
    ],
    [
      "as a whole claims nothing, and asks for what there is",
      { resources: { claims: [], limits: { "example.com/x": "1" } } },
      [
        "spec.resources.claims: Forbidden: claims may not be set for Resources at pod-level",
        'spec.resources.limits[example.com/x]: Unsupported value: "example.com/x": supported values: "cpu", "hugepages-", "memory"',
      ],
    ],
    [
      "brings overhead of a container's resources",
      { overhead: { "a b": "1" } },
      [expect.stringContaining("spec.overhead.limits[a b]: Invalid value"), expect.stringContaining("must be a standard resource for containers")],
    ],
  ])("%s", (_what, more, expected) => expect(faults(more)).toEqual(expected));

  test("has annotations that mean something, as its template does", () => {
    const annotations = {
      "controller.kubernetes.io/pod-deletion-cost": "+1",
      "container.apparmor.security.beta.kubernetes.io/x": "odd",
      "seccomp.security.alpha.kubernetes.io/pod": "odd",
      "kubernetes.io/config.mirror": "m",
    };
    const expected = (at: string) => [
      `${at}[kubernetes.io/config.mirror]: Invalid value: "m": must set spec.nodeName if mirror pod annotation is set`,
      `${at}[controller.kubernetes.io/pod-deletion-cost]: Invalid value: "+1": must be a 32bit integer`,
      `${at}.seccomp.security.alpha.kubernetes.io/pod: Invalid value: "odd": must be a valid seccomp profile`,
      `${at}[container.apparmor.security.beta.kubernetes.io/x]: Invalid value: "x": container not found`,
      `${at}[container.apparmor.security.beta.kubernetes.io/x]: Invalid value: "odd": invalid AppArmor profile name: "odd"`,
    ];
    expect(text(validatePod(pod(spec(), annotations)))).toEqual(expected("metadata.annotations"));
    expect(text(validateAnyTemplate({ metadata: { annotations }, spec: spec() }, "spec.template"))).toEqual(expected("spec.template.annotations"));
    const { strategy } = daemonSetResource;
    const template = { metadata: { labels: { a: "b" }, annotations: { "a b": "" } }, spec: spec() };
    expect(strategy.validate?.({ apiVersion: "apps/v1", kind: "DaemonSet", metadata: { name: "d" }, spec: { selector: { matchLabels: { a: "b" } }, template } }).map(({ field }) => field)).toEqual([
      "spec.template.annotations",
    ]);
  });

  test("that is held back has no node yet", () => {
    expect(faults({ schedulingGates: [{ name: "a" }, { name: "a" }] })).toContain('spec.schedulingGates[1]: Duplicate value: "a"');
    const held = pod(spec({ nodeName: "n1", schedulingGates: [{ name: "wait" }] }));
    expect(text(podResource.strategy.validateNew?.(held) ?? [])).toEqual(["spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared"]);
  });
});

test("exceptions of an init container from no policy are not looked at", () => {
  const rules = [{ action: "Odd" }];
  const of = (list: string, more: object) =>
    faults({ [list]: [container({ name: "i", restartPolicyRules: rules, ...more })], ...(list === "containers" ? {} : { containers: [container()] }) }).map((fault) => fault.split(":")[0]);
  expect(of("initContainers", {})).toEqual(["spec.initContainers[0].restartPolicy"]);
  const looked = (at: string) => [`${at}.restartPolicyRules[0].action`, `${at}.restartPolicyRules[0].exitCodes`];
  expect(of("initContainers", { restartPolicy: "Never" })).toEqual(looked("spec.initContainers[0]"));
  expect(of("containers", {})).toEqual(["spec.containers[0].restartPolicy", ...looked("spec.containers[0]")]);
});

test("two constraints about the same places are told of by the rules of pods alone", () => {
  const topologySpreadConstraints = [1, 2].map((maxSkew) => ({ maxSkew, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule" }));
  expect(decodeObject(podResource, { metadata: { name: "p" }, spec: spec({ topologySpreadConstraints }) }).schemaErrors).toEqual([]);
  expect(faults({ topologySpreadConstraints })).toEqual([expect.stringContaining("spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value")]);
});

test("the older name of a pod's account says what the newer one says", () => {
  const of = (accounts: object) => decodeObject(podResource, { metadata: { name: "p" }, spec: { containers: [container()], ...accounts } }).object.spec;
  expect(of({ serviceAccount: "old", serviceAccountName: "new" })).toMatchObject({ serviceAccount: "new", serviceAccountName: "new" });
  expect(of({ serviceAccount: "old" })).toMatchObject({ serviceAccount: "old", serviceAccountName: "old" });
});

test("a rule of restarts may name an exit code twice, as upstream has it", () => {
  const rule = { action: "Restart", exitCodes: { operator: "In", values: [1, 1] } };
  const body = { metadata: { name: "p" }, spec: { containers: [{ name: "c", image: "i", restartPolicy: "Never", restartPolicyRules: [rule] }] } };
  expect(decodeObject(podResource, body).schemaErrors).toEqual([]);
});
