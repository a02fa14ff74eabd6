// Validates manifests against the schemas that Kubernetes publishes for its API (the npm package kubernetes-models holds
// them as compiled JSON schemas and as types), and checks what this project promises of its pods.
//
//   node check.mjs FILE...
//
// The JSON schemas find missing fields and wrong types but let unknown fields pass, as an old API server does. The types
// know every field, so each document is also compiled as an object literal of its type, which finds misspelt ones.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { parseAllDocuments } from 'yaml';

const require = createRequire(import.meta.url);
const here = path.dirname(fileURLToPath(import.meta.url));

// Throws with every violation of the JSON schema.
function validate(document) {
  const model = require(`kubernetes-models/${document.apiVersion}/${document.kind}`)[document.kind];
  new model(document).validate();
}

// Every field that the type does not have, as the compiler words it.
function unknownFields(document) {
  const folder = mkdtempSync(path.join(here, '.check-'));
  try {
    const file = path.join(folder, 'manifest.ts');
    const type = `I${document.kind}`;
    writeFileSync(file, `import type { ${type} } from 'kubernetes-models/${document.apiVersion}/${document.kind}';\n` +
      `export const manifest: ${type} = ${JSON.stringify(document, null, 2)};\n`);
    const program = ts.createProgram([file], {
      noEmit: true, strict: true, skipLibCheck: true, types: [],
      module: ts.ModuleKind.CommonJS, moduleResolution: ts.ModuleResolutionKind.Node10,
    });
    return ts.getPreEmitDiagnostics(program).map((d) => ts.flattenDiagnosticMessageText(d.messageText, '\n'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// What deploy/kubernetes promises beyond being valid.
function brokenPromises(document) {
  if (document.kind === 'ServiceAccount') {
    return document.automountServiceAccountToken === false ? [] : ['the service account hands out a token'];
  }
  if (document.kind !== 'DaemonSet') return [];
  const pod = document.spec.template.spec;
  const [container] = pod.containers;
  const promises = {
    'it runs as a user that is not root': pod.securityContext.runAsNonRoot && pod.securityContext.runAsUser > 0,
    'its root file system is read-only': container.securityContext.readOnlyRootFilesystem,
    'it cannot gain privileges': container.securityContext.allowPrivilegeEscalation === false,
    'it has no capabilities': container.securityContext.capabilities.drop.includes('ALL'),
    'it gets no token': pod.automountServiceAccountToken === false,
    'it is asked whether it is ready': container.readinessProbe?.httpGet.path === '/-/ready',
    'it is asked whether it is healthy': container.livenessProbe?.httpGet.path === '/-/healthy',
    'it knows its node': container.env.some((e) => e.valueFrom?.fieldRef?.fieldPath === 'spec.nodeName'),
    'its memory is limited': Boolean(container.resources.limits.memory),
    'its CPU is not limited': container.resources.limits.cpu === undefined,
    'its labels match its selector': Object.entries(document.spec.selector.matchLabels)
      .every(([name, value]) => document.spec.template.metadata.labels[name] === value),
    'its mounts have volumes': container.volumeMounts
      .every((mount) => pod.volumes.some((volume) => volume.name === mount.name)),
  };
  return Object.entries(promises).filter(([, kept]) => !kept).map(([promise]) => `not true: ${promise}`);
}

let checked = 0;
let failed = 0;
for (const file of process.argv.slice(2)) {
  for (const yaml of parseAllDocuments(readFileSync(file, 'utf8'))) {
    const problems = yaml.errors.map(String);
    const document = yaml.toJS();
    try {
      if (problems.length === 0) validate(document);
    } catch (error) {
      problems.push(error.message);
    }
    if (problems.length === 0) problems.push(...unknownFields(document), ...brokenPromises(document));
    checked += 1;
    failed += problems.length > 0 ? 1 : 0;
    for (const problem of problems) console.log(`${file}: ${document?.kind}: ${problem}`);
  }
}
console.log(`${checked} documents, ${failed} with mistakes`);
process.exit(checked > 0 && failed === 0 ? 0 : 1);
