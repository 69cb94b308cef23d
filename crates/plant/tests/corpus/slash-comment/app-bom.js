// Shop front
// (c) nobody
'use strict';
const a = `
// A=1
`;
fetch('/api').then((r) => r.json()); // it's
