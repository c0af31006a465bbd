// The protocol by which connections are made through a proxy of the konnectivity kind (sigs.k8s.io/apiserver-network-proxy): names, numbers
// and types are its own. The description below is a FileDescriptorProto; it was made with @bufbuild/protobuf from the fields listed here.
/* eslint-disable */

import type { GenEnum, GenFile, GenMessage, GenService } from "@bufbuild/protobuf/codegenv2";
import { enumDesc, fileDesc, messageDesc, serviceDesc } from "@bufbuild/protobuf/codegenv2";
import type { Message } from "@bufbuild/protobuf";

export const file_konnectivity: GenFile = /*@__PURE__*/
  fileDesc("ChJrb25uZWN0aXZpdHkucHJvdG8imwIKBlBhY2tldBIZCgR0eXBlGAEgASgOMgsuUGFja2V0VHlwZRIjCgtkaWFsUmVxdWVzdBgCIAEoCzIMLkRpYWxSZXF1ZXN0SAASJQoMZGlhbFJlc3BvbnNlGAMgASgLMg0uRGlhbFJlc3BvbnNlSAASFQoEZGF0YRgEIAEoCzIFLkRhdGFIABIlCgxjbG9zZVJlcXVlc3QYBSABKAsyDS5DbG9zZVJlcXVlc3RIABInCg1jbG9zZVJlc3BvbnNlGAYgASgLMg4uQ2xvc2VSZXNwb25zZUgAEh8KCWNsb3NlRGlhbBgHIAEoCzIKLkNsb3NlRGlhbEgAEhcKBWRyYWluGAggASgLMgYuRHJhaW5IAEIJCgdwYXlsb2FkIkAKC0RpYWxSZXF1ZXN0EhAKCHByb3RvY29sGAEgASgJEg8KB2FkZHJlc3MYAiABKAkSDgoGcmFuZG9tGAMgASgDIkAKDERpYWxSZXNwb25zZRINCgVlcnJvchgBIAEoCRIRCgljb25uZWN0SUQYAiABKAMSDgoGcmFuZG9tGAMgASgDIiEKDENsb3NlUmVxdWVzdBIRCgljb25uZWN0SUQYASABKAMiMQoNQ2xvc2VSZXNwb25zZRINCgVlcnJvchgBIAEoCRIRCgljb25uZWN0SUQYAiABKAMiGwoJQ2xvc2VEaWFsEg4KBnJhbmRvbRgBIAEoAyIHCgVEcmFpbiI2CgREYXRhEhEKCWNvbm5lY3RJRBgBIAEoAxINCgVlcnJvchgCIAEoCRIMCgRkYXRhGAMgASgMKmkKClBhY2tldFR5cGUSDAoIRElBTF9SRVEQABIMCghESUFMX1JTUBABEg0KCUNMT1NFX1JFURACEg0KCUNMT1NFX1JTUBADEggKBERBVEEQBBIMCghESUFMX0NMUxAFEgkKBURSQUlOEAYyLQoMUHJveHlTZXJ2aWNlEh0KBVByb3h5EgcuUGFja2V0GgcuUGFja2V0KAEwAWIGcHJvdG8z");

export type Packet = Message<"Packet"> & {
  type: PacketType;
  payload:
    | { value: DialRequest; case: "dialRequest" }
    | { value: DialResponse; case: "dialResponse" }
    | { value: Data; case: "data" }
    | { value: CloseRequest; case: "closeRequest" }
    | { value: CloseResponse; case: "closeResponse" }
    | { value: CloseDial; case: "closeDial" }
    | { value: Drain; case: "drain" }
    | { case: undefined; value?: undefined };
};
export const PacketSchema: GenMessage<Packet> = /*@__PURE__*/
  messageDesc(file_konnectivity, 0);

export type DialRequest = Message<"DialRequest"> & {
  protocol: string;
  address: string;
  random: bigint;
};
export const DialRequestSchema: GenMessage<DialRequest> = /*@__PURE__*/
  messageDesc(file_konnectivity, 1);

export type DialResponse = Message<"DialResponse"> & {
  error: string;
  connectID: bigint;
  random: bigint;
};
export const DialResponseSchema: GenMessage<DialResponse> = /*@__PURE__*/
  messageDesc(file_konnectivity, 2);

export type CloseRequest = Message<"CloseRequest"> & {
  connectID: bigint;
};
export const CloseRequestSchema: GenMessage<CloseRequest> = /*@__PURE__*/
  messageDesc(file_konnectivity, 3);

export type CloseResponse = Message<"CloseResponse"> & {
  error: string;
  connectID: bigint;
};
export const CloseResponseSchema: GenMessage<CloseResponse> = /*@__PURE__*/
  messageDesc(file_konnectivity, 4);

export type CloseDial = Message<"CloseDial"> & {
  random: bigint;
};
export const CloseDialSchema: GenMessage<CloseDial> = /*@__PURE__*/
  messageDesc(file_konnectivity, 5);

export type Drain = Message<"Drain"> & {
};
export const DrainSchema: GenMessage<Drain> = /*@__PURE__*/
  messageDesc(file_konnectivity, 6);

export type Data = Message<"Data"> & {
  connectID: bigint;
  error: string;
  data: Uint8Array;
};
export const DataSchema: GenMessage<Data> = /*@__PURE__*/
  messageDesc(file_konnectivity, 7);

export const PacketType = { DIAL_REQ: 0, DIAL_RSP: 1, CLOSE_REQ: 2, CLOSE_RSP: 3, DATA: 4, DIAL_CLS: 5, DRAIN: 6 } as const;
export type PacketType = (typeof PacketType)[keyof typeof PacketType];
export const PacketTypeSchema: GenEnum<PacketType> = /*@__PURE__*/
  enumDesc(file_konnectivity, 0);

export const ProxyService: GenService<{
  proxy: { methodKind: "bidi_streaming"; input: typeof PacketSchema; output: typeof PacketSchema };
}> = /*@__PURE__*/
  serviceDesc(file_konnectivity, 0);
