import type { Files } from "../kit/kustomize.ts";

/** Small kustomizations, each about one thing that repositories do; the oracle says what they must become. */

const deployment = (name: string, rest = "") => `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
spec:
  replicas: 1
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      containers:
        - name: main
          image: nginx:1.0
          ports: [{containerPort: 80, name: http}]
          env: [{name: A, value: "1"}, {name: B, valueFrom: {configMapKeyRef: {name: cfg, key: b}}}]
${rest}`;
const configMap = (name: string, data = "{key: value}") => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: ${data}\n`;
const kustomization = (text: string, more: Files = {}): Files => ({ "kustomization.yaml": text, "d.yaml": deployment("web"), ...more });
const patches = (text: string, more: Files = {}): Files => kustomization(`resources: [d.yaml]\npatches:\n${text}`, more);
const replacing = (text: string, more: Files = {}): Files =>
  kustomization(`resources: [d.yaml, c.yaml]\nreplacements:\n${text}`, { "c.yaml": configMap("cfg", '{host: web.example.org:8080, n: "5", multi: a-b-c}'), ...more });

const rbac = `apiVersion: v1
kind: ServiceAccount
metadata: {name: robot}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules: [{apiGroups: [""], resources: [configmaps], resourceNames: [cfg], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
rules: []
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reading}
subjects: [{kind: ServiceAccount, name: robot}, {kind: ServiceAccount, name: default}, {kind: User, name: ada, apiGroup: rbac.authorization.k8s.io}]
roleRef: {kind: Role, name: reader, apiGroup: rbac.authorization.k8s.io}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: reading}
subjects: [{kind: ServiceAccount, name: robot, namespace: default}]
roleRef: {kind: ClusterRole, name: reader, apiGroup: rbac.authorization.k8s.io}
`;

const everywhere = `apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  serviceAccountName: robot
  priorityClassName: high
  imagePullSecrets: [{name: sec}]
  initContainers: [{name: i, image: x, envFrom: [{secretRef: {name: sec}}]}]
  containers: [{name: c, image: x, env: [{name: E, valueFrom: {secretKeyRef: {name: sec, key: k}}}]}]
  volumes:
    - {name: a, configMap: {name: cfg}}
    - {name: b, secret: {secretName: sec}}
    - {name: c, projected: {sources: [{configMap: {name: cfg}}, {secret: {name: sec}}]}}
    - {name: d, persistentVolumeClaim: {claimName: data}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {storageClassName: fast, volumeName: disk}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: disk}
spec: {storageClassName: fast}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: fast}
provisioner: x
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: high}
value: 1
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: h}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: in, annotations: {nginx.ingress.kubernetes.io/auth-secret: sec}}
spec:
  ingressClassName: cls
  tls: [{secretName: sec}]
  defaultBackend: {service: {name: web, port: {number: 80}}}
  rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: cls}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: cj}
spec:
  schedule: "* * * * *"
  jobTemplate: {spec: {template: {spec: {serviceAccountName: robot, containers: [{name: c, image: x, envFrom: [{configMapRef: {name: cfg}}]}]}}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: st}
spec:
  serviceName: web
  selector: {matchLabels: {app: st}}
  template: {metadata: {labels: {app: st}}, spec: {containers: []}}
  volumeClaimTemplates: [{metadata: {name: v}, spec: {storageClassName: fast}}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: hook}
webhooks: [{name: w, clientConfig: {service: {name: web, namespace: default}}}]
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.org}
spec: {group: example.org}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: pdb}
spec: {selector: {matchLabels: {app: web}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: np}
spec: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: x}}}, {podSelector: {}}]}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: j}
spec: {template: {spec: {containers: [{name: c, image: "x:1@sha256:00"}]}}}
`;
const wide = (text: string): Files => kustomization(text, { "all.yaml": everywhere, "rbac.yaml": rbac, "gen.yaml": "" });

export const ACCEPTED: Readonly<Record<string, Files>> = {
  "no resources, and said so": { "kustomization.yaml": "resources: []\n" },
  "several documents and lists in one file": kustomization("resources: [d.yaml, list.yaml]\n", {
    "list.yaml": `apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n---\n${configMap("c")}`,
  }),
  "nulls that are written out, and those that are not, of what is patched": kustomization(
    "resources: [c.yaml]\npatches:\n- patch: |\n    {apiVersion: example.com/v1, kind: Machine, metadata: {name: m}, spec: {a: 1}}\n",
    {
      "c.yaml": "apiVersion: example.com/v1\nkind: Machine\nmetadata: {name: m, labels: }\nspec:\n  selector:\n    matchLabels:\n  none: null\n  tilde: ~\n  list:\n  - name: x\n    value:\n",
    },
  ),
  "scalars as Go reads them": kustomization("resources: [c.yaml]\n", {
    "c.yaml": configMap("c", "{a: yes, b: on, c: 0644, d: 1e3, e: 0o17, f: 1_000, g: 2020-01-01, h: ~, i: 12:30, j: .5, k: 0x1F, l: 'yes', m: True, n: 1.10, o: NO}"),
  }),
  "bases under their old name": { "kustomization.yaml": "bases: [b]\nnamePrefix: x-\n", "b/kustomization.yml": "resources: [c.yaml]\n", "b/c.yaml": configMap("c") },
  "two overlays of one base beside each other": {
    "kustomization.yaml": "resources: [one, two]\n",
    "one/kustomization.yaml": "resources: [../b]\nnamePrefix: one-\n",
    "two/kustomization.yaml": "resources: [../b]\nnameSuffix: -two\n",
    "b/Kustomization": "resources: [d.yaml]\nconfigMapGenerator: [{name: cfg, literals: [b=1]}]\n",
    "b/d.yaml": deployment("web"),
  },
  "a component changes what its parent has": {
    "kustomization.yaml": "resources: [d.yaml]\ncomponents: [extra]\nnamePrefix: p-\n",
    "d.yaml": deployment("web"),
    "extra/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [c.yaml]\nreplicas: [{name: web, count: 7}]\nnameSuffix: -s\n",
    "extra/c.yaml": configMap("cfg"),
  },
  "namespace and bindings": wide("resources: [rbac.yaml, all.yaml, d.yaml]\nnamespace: team\n"),
  "prefix and suffix with every reference": wide(
    "resources: [rbac.yaml, all.yaml, d.yaml]\nnamePrefix: pre-\nnameSuffix: -suf\nconfigMapGenerator: [{name: cfg, literals: [b=1]}]\nsecretGenerator: [{name: sec, literals: [k=v]}]\n",
  ),
  "labels in selectors and templates": wide("resources: [rbac.yaml, all.yaml, d.yaml]\ncommonLabels: {team: a, nn: '1'}\n"),
  "labels with includeSelectors": wide("resources: [all.yaml, d.yaml]\nlabels: [{pairs: {team: a}, includeSelectors: true}]\n"),
  "labels in fields of their own": wide("resources: [d.yaml]\nlabels: [{pairs: {team: a}, fields: [{path: spec/extra/labels, create: true, kind: Deployment}]}]\n"),
  annotations: wide("resources: [all.yaml, d.yaml]\ncommonAnnotations: {note: 'a b', other: 'true'}\n"),
  "a namespace for what the build does not know": {
    "kustomization.yaml": "resources: [r.yaml]\nnamespace: ns\nnamePrefix: p-\n",
    "r.yaml": "apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: t, namespace: old}\nspec: {a: null, b: []}\n",
  },
  "images by name, tag and digest": kustomization(
    "resources: [d.yaml, all.yaml]\nimages: [{name: nginx, newName: reg:5000/n, newTag: v2}, {name: x, digest: 'sha256:11'}, {name: other, newTag: '1'}]\n",
    { "all.yaml": everywhere },
  ),
  "images by the old field and with a tag suffix": kustomization("resources: [d.yaml]\nimageTags: [{name: nginx, newTag: v2}]\nimages: [{name: nginx, tagSuffix: -alpine}]\n"),
  "images in lists of containers anywhere": kustomization("resources: [t.yaml]\nimages: [{name: a.*, newTag: v2}]\n", {
    "t.yaml": "apiVersion: example.org/v1\nkind: T\nmetadata: {name: t}\ndeep: {down: {containers: [{image: 'abc:1'}, {image: 'bbc:1'}, {name: none}], initContainers: [{image: a/b}]}}\n",
  }),
  replicas: kustomization("resources: [d.yaml, all.yaml]\nnamePrefix: x-\nreplicas: [{name: web, count: 3}, {name: st, count: 0}]\n", { "all.yaml": everywhere }),
  "a merge patch by name": patches("- path: p.yaml\n", {
    "p.yaml":
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, labels: {a: b}}\nspec:\n  replicas: null\n  template:\n    spec:\n      containers:\n      - name: side\n        image: s\n      - name: main\n        env: [{name: C, value: x}, {name: A, $patch: delete}]\n        ports: [{containerPort: 80, protocol: TCP}, {containerPort: 81}]\n",
  }),
  "a merge patch that replaces a map": patches(
    "- patch: |-\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: web}\n    spec: {template: {metadata: {$patch: replace, annotations: {a: b}}}}\n",
  ),
  "a merge patch that replaces a list": patches(
    "- patch: |-\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: web}\n    spec: {template: {spec: {containers: [{$patch: replace}, {name: only, image: o}]}}}\n",
  ),
  "a merge patch that deletes an object": {
    "kustomization.yaml": "resources: [d.yaml, c.yaml]\npatches:\n- patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: cfg}, $patch: delete}'\n",
    "d.yaml": deployment("web"),
    "c.yaml": configMap("cfg"),
  },
  "a merge patch on many by pattern": {
    "kustomization.yaml":
      "resources: [d.yaml, e.yaml, c.yaml]\npatches:\n- target: {kind: Deployment, name: w.*}\n  patch: |-\n    apiVersion: any/v1\n    kind: Deployment\n    metadata: {name: whatever}\n    spec: {paused: true, template: {spec: {tolerations: [{key: a, operator: Exists}]}}}\n",
    "d.yaml": deployment("web"),
    "e.yaml": deployment("worker"),
    "c.yaml": configMap("cfg"),
  },
  "a patch by labels and annotations": {
    "kustomization.yaml":
      'resources: [c.yaml]\npatches:\n- target: {labelSelector: \'a in (b, c),!d\'}\n  patch: \'[{"op": "add", "path": "/data/x", "value": "y"}]\'\n- target: {annotationSelector: k=v}\n  patch: \'[{"op": "remove", "path": "/data/key"}]\'\n',
    "c.yaml":
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {a: b}}\ndata: {key: v}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, labels: {a: b, d: e}, annotations: {k: v}}\ndata: {key: v}\n",
  },
  "JSON operations of every kind": patches(
    "- target: {kind: Deployment}\n  patch: |-\n    - {op: test, path: /spec/replicas, value: 1}\n    - {op: replace, path: /spec/replicas, value: 9}\n    - {op: add, path: /spec/template/spec/containers/-, value: {name: z, image: z}}\n    - {op: add, path: /metadata/annotations/a~1b, value: c}\n    - {op: copy, from: /spec/replicas, path: /spec/minReadySeconds}\n    - {op: move, from: /metadata/name, path: /metadata/labels}\n    - {op: move, from: /metadata/labels, path: /metadata/name}\n    - {op: remove, path: /spec/template/spec/containers/0/env/0}\n",
  ),
  "JSON operations in a file of JSON": patches("- target: {name: web}\n  path: p.json\n", { "p.json": '[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "x"}]' }),
  "old JSON patches": kustomization(
    'resources: [d.yaml]\npatchesJson6902:\n- target: {version: v1, group: apps, kind: Deployment, name: web}\n  path: p.yaml\n- target: {kind: Deployment, name: web}\n  patch: \'[{"op": "add", "path": "/spec/paused", "value": true}]\'\n',
    { "p.yaml": "- op: replace\n  path: /spec/replicas\n  value: 2\n" },
  ),
  "old merge patches": kustomization("resources: [d.yaml]\npatchesStrategicMerge:\n- p.yaml\n- |-\n  apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: web}\n  spec: {paused: true}\n", {
    "p.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {volumes: [{name: v, emptyDir: {}}]}}}\n",
  }),
  "a patch may change name and kind when told so": patches(
    "- target: {name: web}\n  options: {allowNameChange: true, allowKindChange: true}\n  patch: |-\n    apiVersion: apps/v1\n    kind: StatefulSet\n    metadata: {name: renamed}\n",
  ),
  "a patch of a renamed object by its first name": {
    "kustomization.yaml": "resources: [b]\npatches:\n- patch: |-\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: web}\n    spec: {paused: true}\n",
    "b/kustomization.yaml": "resources: [d.yaml]\nnamePrefix: p-\n",
    "b/d.yaml": deployment("web"),
  },
  "a patch merges by several keys": patches(
    "- patch: |-\n    apiVersion: v1\n    kind: Service\n    metadata: {name: s}\n    spec: {ports: [{port: 80, protocol: UDP, name: u}, {port: 443, name: t}]}\n",
    {
      "kustomization.yaml":
        "resources: [s.yaml]\npatches:\n- patch: |-\n    apiVersion: v1\n    kind: Service\n    metadata: {name: s}\n    spec: {ports: [{port: 80, protocol: UDP, targetPort: 1}, {port: 443, targetPort: 2}]}\n",
      "s.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 80, protocol: TCP, name: a}, {port: 80, protocol: UDP, name: b}]}\n",
    },
  ),
  "a patch on a kind without schema replaces lists": {
    "kustomization.yaml": "resources: [t.yaml]\npatches:\n- patch: |-\n    apiVersion: example.org/v1\n    kind: T\n    metadata: {name: t}\n    spec: {list: [{name: b}], map: {c: 1, a: null}}\n",
    "t.yaml": "apiVersion: example.org/v1\nkind: T\nmetadata: {name: t}\nspec: {list: [{name: a, x: 1}], map: {a: 1, b: 2}}\n",
  },
  "a patch of lists of plain values": {
    "kustomization.yaml":
      "resources: [s.yaml]\npatches:\n- patch: |-\n    apiVersion: v1\n    kind: ServiceAccount\n    metadata: {name: s, finalizers: [b, c]}\n    imagePullSecrets: [{name: new}]\n",
    "s.yaml": "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: s, finalizers: [a, b]}\nimagePullSecrets: [{name: old}]\n",
  },
  "generators of every source": {
    "kustomization.yaml":
      "configMapGenerator:\n- name: a\n  literals: [k=v, \"q='quoted'\", 'e=', 'eq=a=b']\n  files: [f.txt, other=f.txt, bin.dat]\n  envs: [e.env]\n- {name: b, env: e.env, options: {disableNameSuffixHash: true, labels: {x: z}, annotations: {p: q}, immutable: true}}\nsecretGenerator:\n- {name: s, files: [bin.dat, long.txt], type: example.org/t, namespace: other}\ngeneratorOptions: {labels: {all: yep}, annotations: {p: r}}\n",
    "f.txt": "line\ntwo <&>\n",
    "e.env": '# note\nA=1\n\n  B=two words \nC\nD="q"\r\n',
    "bin.dat": Buffer.from([0, 255, 254, 1, 2, 3]),
    "long.txt": "0123456789".repeat(30),
  },
  "generators that merge, replace and create": {
    "kustomization.yaml":
      "resources: [b]\nconfigMapGenerator:\n- {name: m, behavior: merge, literals: [b=3, c=4], options: {labels: {l: m}}}\n- {name: r, behavior: replace, literals: [z=1]}\n- {name: nn, behavior: create, literals: [n=1]}\nsecretGenerator: [{name: s, behavior: merge, literals: [k=2]}]\n",
    "b/kustomization.yaml": "configMapGenerator:\n- {name: m, literals: [a=1, b=2], options: {labels: {o: p}}}\n- {name: r, literals: [a=1]}\nsecretGenerator: [{name: s, literals: [j=1, k=1]}]\n",
  },
  "a generator merges into a plain object": kustomization("resources: [c.yaml]\nconfigMapGenerator: [{name: cfg, behavior: merge, literals: [x=1]}]\n", {
    "c.yaml": configMap("cfg", "{key: value, n: 5}"),
  }),
  "a hash follows what a patch changed": kustomization(
    "resources: [d.yaml]\nconfigMapGenerator: [{name: cfg, literals: [a=1]}]\npatches:\n- patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: cfg}, data: {a: \"2\"}}'\n",
  ),
  "an object that asks for a hash": { "kustomization.yaml": "resources: [c.yaml]\n", "c.yaml": configMap("c") },
  "generated names in another namespace": {
    "kustomization.yaml": "resources: [d.yaml]\nnamespace: ns\nconfigMapGenerator: [{name: cfg, literals: [a=1]}, {name: two, namespace: other, literals: [a=2]}]\n",
    "d.yaml": deployment("web"),
  },
  "replacements of whole values": replacing(
    "- source: {kind: ConfigMap, name: cfg, fieldPath: data.n}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [spec.replicas, 'spec.template.spec.containers.[name=main].env.[name=A].value']\n",
  ),
  "replacements by delimiter": replacing(
    "- source: {kind: ConfigMap, fieldPath: data.host, options: {delimiter: ':', index: 1}}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [spec.template.spec.containers.0.image]\n    options: {delimiter: ':', index: 1}\n  - select: {name: cfg}\n    fieldPaths: [data.multi]\n    options: {delimiter: '-', index: -1}\n",
  ),
  "replacements that make fields": replacing(
    "- source: {kind: ConfigMap, fieldPath: data.n}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [metadata.annotations.count, spec.template.metadata.labels.n]\n    options: {create: true}\n",
  ),
  "replacements of maps and lists": replacing(
    "- source: {kind: Deployment, fieldPath: spec.template.metadata.labels}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [spec.selector.matchLabels]\n- source: {kind: Deployment, fieldPath: 'spec.template.spec.containers.[name=main].env'}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [spec.extra]\n    options: {create: true}\n",
  ),
  "replacements from files, after renaming": {
    "kustomization.yaml": "resources: [b]\nnamePrefix: x-\nreplacements: [{path: r.yaml}]\n",
    "r.yaml": "- source: {kind: ConfigMap, name: cfg}\n  targets: [{select: {kind: Deployment, name: web}, fieldPaths: [spec.template.spec.containers.0.name]}]\n",
    "b/kustomization.yaml": "resources: [d.yaml, c.yaml]\n",
    "b/d.yaml": deployment("web"),
    "b/c.yaml": configMap("cfg"),
  },
  variables: {
    "kustomization.yaml":
      "resources: [d.yaml, s.yaml]\nnamePrefix: v-\nvars:\n- {name: SVC, objref: {kind: Service, name: web, apiVersion: v1}}\n- {name: PORT, objref: {kind: Service, name: web, apiVersion: v1}, fieldref: {fieldPath: 'spec.ports[0].port'}}\n",
    "d.yaml": deployment("web").replace('value: "1"', 'value: "$(SVC):$(PORT) $$(SVC) $(NOPE)"'),
    "s.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: web, annotations: {p: $(PORT), s: $(SVC)}}\nspec: {ports: [{port: 80}]}\n",
  },
  "fields of custom kinds": {
    "kustomization.yaml":
      "resources: [t.yaml]\nnamePrefix: p-\ncommonLabels: {l: m}\nimages: [{name: i, newTag: '2'}]\nconfigurations: [conf.yaml]\nconfigMapGenerator: [{name: cfg, literals: [a=b]}]\n",
    "t.yaml": "apiVersion: example.org/v1\nkind: T\nmetadata: {name: t}\nspec: {config: cfg, labels: {}, run: {image: 'i:1'}}\n",
    "conf.yaml":
      "nameReference:\n- {kind: ConfigMap, version: v1, fieldSpecs: [{kind: T, path: spec/config}]}\ncommonLabels: [{path: spec/labels, create: true, kind: T}]\nimages: [{path: spec/run/image, kind: T}]\n",
  },
  "order of its own": kustomization("resources: [z.yaml, d.yaml, c.yaml]\nsortOptions: {order: fifo}\n", { "z.yaml": configMap("z"), "c.yaml": configMap("a") }),
  "order by lists of kinds": kustomization("resources: [z.yaml, d.yaml, n.yaml]\nsortOptions: {order: legacy, legacySortOptions: {orderFirst: [Deployment], orderLast: [ConfigMap]}}\n", {
    "z.yaml": configMap("z"),
    "n.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n",
  }),
  "order by default": wide("resources: [all.yaml, d.yaml, rbac.yaml]\n"),
  "notes on where objects come from": {
    "kustomization.yaml":
      "resources: [b, d.yaml]\nbuildMetadata: [originAnnotations, transformerAnnotations, managedByLabel]\nnamePrefix: p-\nlabels: [{pairs: {a: b}}]\nconfigMapGenerator: [{name: g, literals: [a=b]}]\n",
    "d.yaml": deployment("web"),
    "b/kustomization.yaml": "resources: [c.yaml]\nnameSuffix: -s\n",
    "b/c.yaml": configMap("c"),
  },
  "objects for the build only": kustomization(
    "resources: [d.yaml, c.yaml]\nreplacements:\n- source: {kind: ConfigMap, fieldPath: data.n}\n  targets: [{select: {kind: Deployment}, fieldPaths: [spec.replicas]}]\n",
    { "c.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, annotations: {config.kubernetes.io/local-config: 'true'}}\ndata: {n: '4'}\n" },
  ),
  "transformers and generators in files": {
    "kustomization.yaml": "resources: [d.yaml]\ntransformers: [t.yaml, more]\ngenerators: [g.yaml]\n",
    "d.yaml": deployment("web"),
    "t.yaml":
      "apiVersion: builtin\nkind: PrefixTransformer\nmetadata: {name: p}\nprefix: pre-\nfieldSpecs: [{path: metadata/name}]\n---\napiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: l}\nlabels: {a: b}\nfieldSpecs: [{path: metadata/labels, create: true}]\n---\napiVersion: builtin\nkind: NamespaceTransformer\nmetadata: {name: nn, namespace: ns}\nsetRoleBindingSubjects: none\nunsetOnly: true\nfieldSpecs: []\n",
    "more/kustomization.yaml": "resources: [i.yaml]\n",
    "more/i.yaml": "apiVersion: builtin\nkind: ImageTagTransformer\nmetadata: {name: i}\nimageTag: {name: nginx, newTag: '9'}\nfieldSpecs: [{path: 'spec/template/spec/containers[]/image'}]\n",
    "g.yaml": "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: gen}\nliterals: [a=b]\n",
  },
  "transformers written inline": {
    "kustomization.yaml":
      'resources: [d.yaml]\ntransformers:\n- |-\n  apiVersion: builtin\n  kind: PatchTransformer\n  metadata: {name: p}\n  target: {kind: Deployment}\n  patch: \'[{"op": "replace", "path": "/spec/replicas", "value": 5}]\'\n- |-\n  apiVersion: builtin\n  kind: AnnotationsTransformer\n  metadata: {name: a}\n  annotations: {x: z}\n  fieldSpecs: [{path: metadata/annotations, create: true}]\n',
    "d.yaml": deployment("web"),
  },
  "merge keys of a schema of its own": {
    "kustomization.yaml":
      "resources: [t.yaml]\nopenapi: {path: schema.json}\npatches:\n- patch: |-\n    apiVersion: example.org/v1\n    kind: T\n    metadata: {name: t}\n    spec: {list: [{name: b, x: 2}, {name: c}], plain: [z]}\n",
    "t.yaml": "apiVersion: example.org/v1\nkind: T\nmetadata: {name: t}\nspec: {list: [{name: a, x: 1}, {name: b, x: 1, more: y}], plain: [a]}\n",
    "schema.json": JSON.stringify({
      definitions: {
        "v1.T": { "x-kubernetes-group-version-kind": [{ group: "example.org", version: "v1", kind: "T" }], properties: { spec: { $ref: "#/definitions/v1.Spec" } } },
        "v1.Spec": {
          properties: {
            list: { type: "array", items: { $ref: "#/definitions/v1.Item" }, "x-kubernetes-patch-merge-key": "name", "x-kubernetes-patch-strategy": "merge" },
            plain: { type: "array", items: { type: "string" } },
          },
        },
        "v1.Item": { properties: { name: { type: "string" } } },
      },
    }),
  },
  "names in custom kinds by their definitions": {
    "kustomization.yaml": "resources: [t.yaml]\ncrds: [crd.json]\nnamePrefix: p-\nsecretGenerator: [{name: sec, literals: [a=b]}]\n",
    "t.yaml": "apiVersion: example.org/v1\nkind: T\nmetadata: {name: t}\nspec: {secretRef: {name: sec}}\n",
    "crd.json": JSON.stringify({
      "example.org/v1.T": {
        Schema: { properties: { apiVersion: { type: "string" }, kind: { type: "string" }, metadata: { type: "object" }, spec: { $ref: "example.org/v1.Spec" } } },
        Dependencies: [],
      },
      "example.org/v1.Spec": {
        Schema: { properties: { secretRef: { "x-kubernetes-object-ref-api-version": "v1", "x-kubernetes-object-ref-kind": "Secret", $ref: "example.org/v1.Ref" } } },
        Dependencies: [],
      },
      "example.org/v1.Ref": { Schema: { properties: { name: { type: "string" } } }, Dependencies: [] },
    }),
  },
  "annotations as they are written": kustomization("resources: [c.yaml]\n", {
    "c.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  annotations: {version: 1.10, empty: , none: null, yes: true, day: 2020-01-01, n: 0644}\n",
  }),
  "brackets and quotes that stand far left": kustomization("resources: [c.yaml]\n", {
    "c.yaml": 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\nextra:\n  command: [\n    a,\n  ]\n  more: {\n  b: c,\n  }\n  text: "one\n  two"\n',
  }),
  "a block of text at the end of a file without a line break": kustomization("resources: [c.yaml, d2.yaml, e.yaml, g.yaml, h.yaml]\n", {
    "c.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  a: |\n    x\n    y",
    "g.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: g}\ndata:\n  a: |\n    x\n    y ",
    "h.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: h}\ndata:\n  a: |\n    x\n    y\n  ",
    "d2.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: e}\ndata:\n  a: |+\n    x",
    "e.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: f}\ndata:\n  a: |\n    x\n  b: y",
  }),
  "variables of names in any case": {
    "kustomization.yaml": "resources: [d.yaml]\nvars:\n- name: NAME\n  objref: {apiversion: apps/v1, kind: Deployment, name: web}\n  fieldRef: {fieldpath: metadata.name}\n",
    "d.yaml": deployment("web").replace('value: "1"', "value: $(NAME)"),
  },
  "anchors and merge keys": { "kustomization.yaml": "resources: [c.yaml]\n", "c.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, labels: &l {a: b}}\nextra: {<<: *l, c: d}\nagain: *l\n" },
};

export const ACCEPTED_SINCE_1_36: Readonly<Record<string, Files>> = {
  "labels with includeTemplates": wide("resources: [all.yaml, d.yaml]\nlabels: [{pairs: {team: a}, includeTemplates: true}, {pairs: {b: c}}]\n"),
  "replacements inside text that is JSON or YAML": replacing(
    "- source: {kind: ConfigMap, fieldPath: data.n}\n  targets:\n  - {select: {kind: ConfigMap}, fieldPaths: [data.json.a.b, data.yaml.x]}\n- sourceValue: fixed\n  targets: [{select: {kind: Deployment}, fieldPaths: [metadata.labels.fixed], options: {create: true}}]\n",
    { "c.yaml": 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cfg}\ndata:\n  n: \'5\'\n  json: \'{"a": {"b": "c"}, "l": [1, 2]}\'\n  yaml: |\n    x: 1\n    z: [a, b]\n' },
  ),
  "replacements with wildcards and rejects": replacing(
    "- source: {kind: ConfigMap, fieldPath: metadata.name}\n  targets:\n  - select: {kind: .*}\n    reject: [{kind: ConfigMap}]\n    fieldPaths: ['spec.template.spec.containers.*.image']\n",
  ),
};

export const REFUSED: Readonly<Record<string, Files>> = {
  "an unknown field": kustomization("resources: [d.yaml]\nnamePrefx: a\n"),
  "a list with all items commented out": kustomization("resources:\n# - d.yaml\n"),
  "a resource that is not there": kustomization("resources: [none.yaml]\n"),
  "a patch of nothing": patches("- patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: none}}'\n"),
  "one object twice": kustomization("resources: [d.yaml, e.yaml]\n", { "e.yaml": deployment("web") }),
  "a merge into nothing": kustomization("resources: [d.yaml]\nconfigMapGenerator: [{name: x, behavior: merge, literals: [a=b]}]\n"),
  "a generated object that exists": kustomization("resources: [c.yaml]\nconfigMapGenerator: [{name: cfg, literals: [a=b]}]\n", { "c.yaml": configMap("cfg") }),
  "a kustomization that leads back to itself": { "kustomization.yaml": "resources: [b]\n", "b/kustomization.yaml": "resources: [../b2]\n", "b2/kustomization.yaml": "resources: [../b]\n" },
  "a component among resources": { "kustomization.yaml": "resources: [c]\n", "c/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamePrefix: a-\n" },
  "replicas of nothing": kustomization("resources: [d.yaml]\nreplicas: [{name: none, count: 1}]\n"),
  "a replacement of a missing field": replacing("- source: {kind: ConfigMap, fieldPath: data.none}\n  targets: [{select: {kind: Deployment}}]\n"),
  "a replacement into a missing field": replacing("- source: {kind: ConfigMap, fieldPath: data.n}\n  targets: [{select: {kind: Deployment}, fieldPaths: [spec.none.deeper]}]\n"),
  "a JSON operation that does not fit": patches("- target: {kind: Deployment}\n  patch: '[{op: remove, path: /spec/none}]'\n"),
  "a failing test operation": patches("- target: {kind: Deployment}\n  patch: '[{op: test, path: /spec/replicas, value: 2}]'\n"),
  "a key from two sources": kustomization("resources: [d.yaml]\nconfigMapGenerator: [{name: x, literals: [a=b, a=c]}]\n"),
  "two kustomization files": kustomization("resources: [d.yaml]\n", { "kustomization.yml": "resources: [d.yaml]\n" }),
  "an object without a name": kustomization("resources: [n.yaml]\n", { "n.yaml": "apiVersion: v1\nkind: ConfigMap\n" }),
  "a variable that is declared twice": {
    "kustomization.yaml":
      "resources: [d.yaml]\nvars:\n- {name: A, objref: {kind: Deployment, name: web, apiVersion: apps/v1}}\n- {name: A, objref: {kind: Deployment, name: web, apiVersion: apps/v1}}\n",
    "d.yaml": deployment("web"),
  },
};
