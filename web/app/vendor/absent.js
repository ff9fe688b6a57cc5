// Stands in for the chart library where the program was built without npm.
export const createChart = null;
