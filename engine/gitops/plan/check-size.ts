import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { STORED_BYTES_MAX } from "../../apimachinery/stored-size.ts";
import type { Complaint } from "../manifests/explain-error.ts";

/** What speaks against an object that no store would take: a dry run never comes to the store. Undefined: nothing does. */
export function findTooLarge(object: KubeObject): Complaint | undefined {
  const size = sizeOf(object);
  if (size <= STORED_BYTES_MAX) return undefined;
  const { managedFields: _managed, ...metadata } = object.metadata;
  return {
    field: heaviestField({ ...object, metadata }),
    message: `the object takes ${size} bytes in the store, where none may take more than ${STORED_BYTES_MAX}; split it`,
    isImmutable: false,
  };
}

/** The field that most of an object is in, as deep as it is one. */
function heaviestField(object: object): string {
  let [value, path]: [unknown, string] = [object, ""];
  for (;;) {
    if (typeof value !== "object" || value === null) return path;
    const half = sizeOf(value) / 2;
    const child: [string, unknown] | undefined = Object.entries(value).find(([, one]) => sizeOf(one) > half);
    if (child === undefined) return path;
    const [key, inner] = child;
    path += Array.isArray(value) || !/^[A-Za-z0-9_]+$/.test(key) ? `[${key}]` : path === "" ? key : `.${key}`;
    value = inner;
  }
}

function sizeOf(value: unknown): number {
  return value === undefined ? 0 : Buffer.byteLength(JSON.stringify(value));
}
