import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { catalog } from "../../../engine/resources/catalog.ts";
import { certificateSigningRequestResource, validateSignerName } from "../../../engine/resources/certificates/certificate-signing-request.ts";
import { beforeUpdate } from "../../../engine/registry/before-update.ts";
import { validateBinding, validateBindingUpdate, validateRules, withBindingDefaults } from "../../../engine/resources/rbac/rule-validation.ts";
import type { CertificateSigningRequest } from "../../../engine/resources/types.ts";

const GROUP = "rbac.authorization.k8s.io";
const texts = (errors: readonly { readonly field: string; readonly message: string }[]) => errors.map(({ field, message }) => `${field}: ${message}`);

describe("a rule", () => {
  test.each([
    ["with verbs and resources is right", { verbs: ["get"], apiGroups: [""], resources: ["pods"] }, true, []],
    ["needs a verb", { verbs: [], apiGroups: [""], resources: ["pods"] }, true, ["rules[0].verbs: Required value: verbs must contain at least one value"]],
    [
      "needs a group and a resource",
      { verbs: ["get"] },
      true,
      ["rules[0].apiGroups: Required value: resource rules must supply at least one api group", "rules[0].resources: Required value: resource rules must supply at least one resource"],
    ],
    ["has no paths in a namespace", { verbs: ["get"], nonResourceURLs: ["/a"] }, true, ['rules[0].nonResourceURLs: Invalid value: ["/a"]: namespaced rules cannot apply to non-resource URLs']],
    [
      "has either paths or resources",
      { verbs: ["get"], nonResourceURLs: ["/a"], resources: ["pods"] },
      false,
      ['rules[0].nonResourceURLs: Invalid value: ["/a"]: rules cannot apply to both regular resources and non-resource URLs'],
    ],
  ])("%s", (_what, rule, namespaced, errors) => {
    expect(texts(validateRules([rule], namespaced))).toEqual(errors);
  });
});

describe("a binding", () => {
  const binding = { roleRef: { apiGroup: GROUP, kind: "ClusterRole", name: "view" } };
  test.each([
    ["of a user", [{ kind: "User", apiGroup: GROUP, name: "jane" }], []],
    ["of a user of no group", [{ kind: "User", name: "jane" }], [`subjects[0].apiGroup: Unsupported value: "": supported values: "${GROUP}"`]],
    ["of an account without a namespace", [{ kind: "ServiceAccount", name: "robot" }], ["subjects[0].namespace: Required value"]],
    ["of an account of a group", [{ kind: "ServiceAccount", name: "robot", namespace: "n", apiGroup: GROUP }], [`subjects[0].apiGroup: Unsupported value: "${GROUP}": supported values: ""`]],
    ["of a user without a name, which is told once", [{ kind: "User", name: "", apiGroup: GROUP }], ["subjects[0].name: Required value"]],
    ["of something else", [{ kind: "Robot", name: "x" }], ['subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"']],
  ])("%s", (_what, subjects, errors) => {
    expect(texts(validateBinding({ ...binding, subjects }, ["ClusterRole"], false))).toEqual(errors);
  });

  test("grants one role of a known kind, for ever", () => {
    expect(texts(validateBinding({ roleRef: { apiGroup: "", kind: "Group", name: "a/b" } }, ["Role", "ClusterRole"], true))).toEqual([
      `roleRef.apiGroup: Unsupported value: "": supported values: "${GROUP}"`,
      'roleRef.kind: Unsupported value: "Group": supported values: "Role", "ClusterRole"',
      "roleRef.name: Invalid value: \"a/b\": may not contain '/'",
    ]);
    expect(texts(validateBindingUpdate({ roleRef: { ...binding.roleRef, name: "edit" } }, binding))[0]).toBe(
      `roleRef: Invalid value: {"APIGroup":"${GROUP}","Kind":"ClusterRole","Name":"edit"}: cannot change roleRef`,
    );
  });

  test("has users and groups of its own group unless it says otherwise", () => {
    expect(
      withBindingDefaults({
        roleRef: { kind: "Role", name: "r" },
        subjects: [
          { kind: "Group", name: "dev" },
          { kind: "ServiceAccount", name: "s" },
        ],
      }),
    ).toEqual({
      roleRef: { apiGroup: GROUP, kind: "Role", name: "r" },
      subjects: [
        { kind: "Group", apiGroup: GROUP, name: "dev" },
        { kind: "ServiceAccount", name: "s" },
      ],
    });
  });
});

describe("a signing request", () => {
  const request = (more: Partial<CertificateSigningRequest["spec"]> = {}, status: CertificateSigningRequest["status"] = {}): CertificateSigningRequest => ({
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name: "r" },
    spec: { request: "", signerName: "example.com/a", usages: ["client auth"], ...more },
    status,
  });
  const { strategy, subresources } = certificateSigningRequestResource;
  const condition = (type: string, status = "True") => ({ type, status });

  test.each([
    [{}, []],
    [{ usages: [] }, ["spec.usages: Required value"]],
    [{ usages: ["client auth", "client auth"] }, ['spec.usages[1]: Duplicate value: "client auth"']],
    [{ expirationSeconds: 60 }, ["spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 600 seconds (10 minutes)"]],
  ])("with %o", (spec, errors) => {
    expect(texts(strategy.validate?.(request(spec)) ?? [])).toEqual(errors);
  });

  test.each([
    ["example.com/a", 0],
    ["kubernetes.io/kube-apiserver-client", 0],
    ["example/a", 1],
    ["example.com", 1],
    ["example.com/a/b", 1],
    ["Example.com/a", 1],
    ["/a", 2],
    ["example.com/-", 1],
    ["example/A", 2],
    ["", 1],
  ])("names its signer as %o: %d problems", (name, count) => {
    expect(validateSignerName(name, "spec.signerName")).toHaveLength(count);
  });

  test("is for no signer of a version that is gone, unless it was already", () => {
    const legacy = request({ signerName: "kubernetes.io/legacy-unknown" });
    expect(texts(strategy.validateNew?.(legacy) ?? [])).toEqual(['spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version']);
    expect(texts(strategy.validate?.(legacy) ?? [])).toEqual([]);
  });

  test("starts undecided, keeps what it asks for, and decisions stand", () => {
    expect(strategy.prepareForCreate?.(request({}, { conditions: [condition("Approved")] })).status).toEqual({});
    expect(strategy.prepareForUpdate?.(request({ signerName: "example.com/b" }), request()).spec.signerName).toBe("example.com/a");
    const approval = subresources.find(({ name }) => name === "approval");
    if (approval === undefined || !("part" in approval)) throw new Error("there is no approval");
    const { scope, validate } = approval.part;
    expect(scope(request({ signerName: "example.com/b" }, { conditions: [condition("Approved")], certificate: "eA==" }), request())).toEqual(request({}, { conditions: [condition("Approved")] }));
    const annotated = { ...request(), metadata: { ...request().metadata, annotations: { by: "me" } } };
    expect(scope(annotated, request()).metadata.annotations).toEqual({ by: "me" });
    const decide = (after: readonly string[], before: readonly string[] = []) =>
      texts(validate?.(request({}, { conditions: after.map((type) => condition(type)) }), request({}, { conditions: before.map((type) => condition(type)) })) ?? []);
    expect(decide(["Approved"])).toEqual([]);
    expect(decide(["Approved", "Denied"])).toEqual(['status.conditions: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive']);
    expect(decide([], ["Denied"])).toEqual(['status.conditions: Forbidden: updates may not remove a condition of type "Denied"']);
    expect(decide(["Failed"])).toEqual([]);
    expect(scope(request(), request({}, { conditions: [condition("Denied")] })).status?.conditions).toBeUndefined();
    expect(texts(validate?.(request({}, { conditions: [condition("Approved", "False")] }), request()) ?? [])).toEqual([
      'status.conditions[0].status: Unsupported value: "False": supported values: "True"',
    ]);
    expect(texts(validate?.(request({}, { conditions: [condition("Mine", "abc"), condition("Other", "")] }), request()) ?? [])).toEqual([
      'status.conditions[0].status: Unsupported value: "abc": supported values: "False", "True", "Unknown"',
      "status.conditions[1].status: Required value",
    ]);
  });

  test("says when its conditions changed: now, unless they were there", () => {
    const [now, before] = ["2026-02-02T00:00:00Z", "2026-01-01T00:00:00Z"];
    type Condition = NonNullable<NonNullable<CertificateSigningRequest["status"]>["conditions"]>[number];
    const stored = (conditions: readonly Condition[]) => ({ ...request({}, { conditions }), metadata: { name: "r", resourceVersion: "7" } });
    const times = (next: Condition, old: readonly Condition[]) =>
      beforeUpdate(certificateSigningRequestResource, stored([next]), stored(old), "approval", undefined, now).status?.conditions?.map(({ lastUpdateTime, lastTransitionTime }) => [
        lastUpdateTime,
        lastTransitionTime,
      ]);
    expect(times(condition("Approved"), [])).toEqual([[now, now]]);
    expect(times(condition("Approved"), [{ ...condition("Approved"), lastUpdateTime: before, lastTransitionTime: before }])).toEqual([[now, before]]);
    expect(times({ ...condition("Approved"), lastUpdateTime: before, lastTransitionTime: before }, [])).toEqual([[before, before]]);
  });

  test("gets one certificate, in PEM form", () => {
    const answer = (certificate: string, old?: string) => texts(strategy.validateStatusUpdate?.(request({}, { certificate }), request({}, old === undefined ? {} : { certificate: old })) ?? []);
    const pem = Buffer.from("-----BEGIN CERTIFICATE-----\neA==\n-----END CERTIFICATE-----\n").toString("base64");
    expect(answer(pem)).toEqual([]);
    expect(answer("eA==")).toEqual(['status.certificate: Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block']);
    const key = Buffer.from("-----BEGIN KEY-----\neA==\n-----END KEY-----\n").toString("base64");
    expect(answer(key)).toEqual(['status.certificate: Invalid value: "<certificate data>": only CERTIFICATE PEM blocks are allowed, found "KEY"']);
    expect(answer("", pem)).toEqual(["status.certificate: Forbidden: updates may not modify existing certificate content"]);
  });
});

describe("rows", () => {
  const row = (kind: string, object: object): unknown[] => {
    const definition = catalog.find((candidate) => candidate.kind === kind);
    return (definition?.columns ?? []).map((column) =>
      column.cell({ metadata: { name: "x", creationTimestamp: "2026-01-01T00:00:00Z" }, ...object } as KubeObject, Date.parse("2026-01-01T00:01:00Z")),
    ); // complete for its columns
  };
  test.each<[string, object, unknown[]]>([
    [
      "RoleBinding",
      {
        roleRef: { kind: "Role", name: "r" },
        subjects: [
          { kind: "User", name: "a" },
          { kind: "User", name: "b" },
          { kind: "Group", name: "g" },
          { kind: "ServiceAccount", name: "s", namespace: "n" },
        ],
      },
      ["x", "Role/r", "60s", "a, b", "g", "n/s"],
    ],
    ["ClusterRole", {}, ["x", "2026-01-01T00:00:00Z"]],
    [
      "CertificateSigningRequest",
      { spec: { signerName: "example.com/a", username: "jane", expirationSeconds: 7200 }, status: { certificate: "eA==", conditions: [{ type: "Approved" }] } },
      ["x", "60s", "example.com/a", "jane", "120m", "Approved,Issued"],
    ],
    ["CertificateSigningRequest", { spec: { signerName: "example.com/a", username: "jane" } }, ["x", "60s", "example.com/a", "jane", "<none>", "Pending"]],
    [
      "CertificateSigningRequest",
      { spec: { signerName: "example.com/a" }, status: { conditions: [{ type: "Approved" }, { type: "Failed" }] } },
      ["x", "60s", "example.com/a", "", "<none>", "Approved,Failed"],
    ],
  ])("of a %s are as kubectl shows them", (kind, object, cells) => {
    expect(row(kind, object)).toEqual(cells);
  });
});
