"""Where the definitions come from."""

LASAIR = "Lasair LSST pipeline"
RUBIN = "Rubin alert packet, diaObject"
HTM = "Kunszt, Szalay & Thakar 2001, Hierarchical Triangular Mesh"
EXTERNAL_DUST = "Schlegel, Finkbeiner & Davis 1998, dust map"
