"""Where the definitions come from."""

LASAIR = "Lasair ZTF pipeline"
PACKET = "ZTF alert packet"
HTM = "Kunszt, Szalay & Thakar 2001, Hierarchical Triangular Mesh"
GALACTIC = "Hipparcos catalogue (ESA 1997), vol. 1, 1.5.3"
