"""How does the console answer HTTP? The process, its port, and who may do what there. The routes are console/api/'s and
console/pages/'s."""
