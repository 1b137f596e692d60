"""Graph models: LightGCN and the propagation it is built on."""
