import { expect, test } from "vitest";
import { parsePodLogOptions, type PodLogOptions } from "../../../engine/resources/core/pod-log-options.ts";

const parse = (query: string) => parsePodLogOptions(new URLSearchParams(query), "web");

test.each<[string, Partial<PodLogOptions>]>([
  ["", { follow: false, previous: false, timestamps: false, sinceSeconds: undefined, sinceTimeMs: undefined, tailLines: undefined, limitBytes: undefined, stream: "All" }],
  ["follow=1&previous&timestamps=TRUE", { follow: true, previous: true, timestamps: true }],
  ["follow=0&previous=false&timestamps=False", { follow: false, previous: false, timestamps: false }],
  ["tailLines=0&limitBytes=1&sinceSeconds=%2B5", { tailLines: 0, limitBytes: 1 }],
  ["sinceTime=2026-01-01T00:00:00Z&stream=Stderr&tailLines=", { sinceTimeMs: Date.UTC(2026, 0, 1), stream: "Stderr", tailLines: undefined }],
])("%j is read as upstream reads it", (query, expected) => {
  expect(parse(query)).toMatchObject(expected);
});

test.each([
  ["tailLines=-1", "Invalid", "tailLines: Invalid value: -1"],
  ["limitBytes=0", "Invalid", "limitBytes: Invalid value: 0"],
  ["sinceSeconds=0", "Invalid", "sinceSeconds: Invalid value: 0"],
  ["sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z", "Invalid", "at most one of"],
  ["tailLines=NaN", "BadRequest", 'strconv.ParseInt: parsing "NaN": invalid syntax'],
  ["limitBytes=1e3", "BadRequest", "invalid syntax"],
  ["tailLines=9223372036854775808", "BadRequest", "value out of range"],
  ["stream=stdout", "Invalid", 'stream: Unsupported value: "stdout"'],
  ["sinceTime=2026-02-30T00:00:00Z", "BadRequest", "day out of range"],
  ["sinceTime=yesterday", "BadRequest", 'parsing time "yesterday"'],
])("%j is refused", (query, reason, message) => {
  expect(() => parse(query)).toThrow(expect.objectContaining({ reason, message: expect.stringContaining(message) as string }) as Error);
});
