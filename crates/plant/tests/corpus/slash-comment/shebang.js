#!/usr/bin/env node
const x = /'\/\//;
